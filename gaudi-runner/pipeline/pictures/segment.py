"""A chunk's frames as an MP4 without sound."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from pipeline.pictures.ffmpeg import ffmpeg_command


class SegmentWriter:
    """One ffmpeg that encodes one chunk. Segments of one video can be joined by copying: every one starts with a key
    frame, refers to nothing outside, and has no frame out of order.
    """

    def __init__(self, path: Path, width: int, height: int, fps: int) -> None:
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "pipe:0"]
        colours = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
        scale = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
        codec = [
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "17",
            "-pix_fmt",
            "yuv420p",
            "-bf",
            "0",
            "-flags",
            "+cgop",
        ]
        # x264's output depends on its number of threads, so that is fixed: the same frames are the same bytes.
        fixed = ["-threads", "2", "-g", str(4 * fps), "-fflags", "+bitexact", "-flags:v", "+bitexact+cgop"]
        # A time scale that every frame rate divides: no frame's time is rounded.
        file = ["-map_metadata", "-1", "-video_track_timescale", str(512 * fps), "-f", "mp4", "-y", str(path)]
        command = ffmpeg_command(*source, "-an", "-vf", scale, *codec, *colours, *fixed, *file)
        self._encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def write(self, frames: Iterable[Tensor]) -> int:
        """Encode frames [3,H,W] in [-1, 1] and finish the file; returns their number."""
        count = 0
        assert self._encoder.stdin is not None
        try:
            for frame in frames:
                bytes_ = frame.add(1).mul_(127.5).round_().clamp_(0, 255).byte()
                self._encoder.stdin.write(bytes_.permute(1, 2, 0).contiguous().numpy().data)
                count += 1
        except BrokenPipeError:
            pass  # ffmpeg says why, below
        _, errors = self._encoder.communicate()
        if self._encoder.returncode != 0:
            raise RuntimeError(f"ffmpeg could not encode a segment: {errors.decode(errors='replace').strip()}")
        return count

    def abandon(self) -> None:
        """End the encoder at once; what it wrote is of no use."""
        self._encoder.kill()
