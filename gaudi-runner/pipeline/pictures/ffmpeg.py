"""The ffmpeg that FFMPEG_PATH names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# Inputs are files that the runner has checked; nothing in one may make ffmpeg open another.
SAFE_INPUT = [
    "-protocol_whitelist",
    "file,pipe",
    "-format_whitelist",
    "mov,rawvideo",
    "-codec_whitelist",
    "h264,rawvideo",
]


def ffmpeg_command(*args: str) -> list[str]:
    """Command line that prints errors only. Give it no stdin, or the frames: never ours."""
    return [os.environ.get("FFMPEG_PATH", "ffmpeg"), "-hide_banner", "-v", "error", *args]


def count_frames(path: Path) -> int:
    """Video frames of an MP4, counted by its packets without decoding."""
    counting = ["-map", "0:v:0", "-c", "copy", "-progress", "pipe:1", "-f", "null", "-"]
    command = ffmpeg_command(*SAFE_INPUT, "-i", str(path), *counting)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    counts = [line.partition("=")[2] for line in done.stdout.splitlines() if line.startswith("frame=")]
    if done.returncode != 0 or not counts or int(counts[-1]) == 0:
        raise ValueError(done.stderr.strip() or "it has no frames")
    return int(counts[-1])
