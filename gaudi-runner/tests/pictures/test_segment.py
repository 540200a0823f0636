"""Segments can be joined by copying, and the same frames are the same bytes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.pictures.ffmpeg import count_frames
from pipeline.pictures.segment import SegmentWriter

FFMPEG = os.environ.get("FFMPEG_PATH", "ffmpeg")


def moving(count: int, phase: int = 0) -> Iterator[Tensor]:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 96), indexing="ij")
    for n in range(phase, phase + count):
        yield torch.stack([torch.sin(5 * x + n / 5), torch.cos(4 * y + n / 7), x * y])


def times(path: Path, *, keys_only: bool = False) -> list[tuple[int, int]]:
    """(pts, dts) of each packet, in units of the file's time scale."""
    skip = ["-skip_frame", "nokey"] if keys_only else []
    how = ["-f", "framehash"] if keys_only else ["-c", "copy", "-f", "framehash"]
    done = subprocess.run(
        [FFMPEG, "-v", "error", *skip, "-i", str(path), "-map", "0:v", "-copyts", "-fps_mode", "passthrough", *how, "-"]
        if keys_only
        else [FFMPEG, "-v", "error", "-i", str(path), "-map", "0:v", "-copyts", *how, "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return [(int(row[2]), int(row[1])) for row in rows]


@pytest.mark.parametrize("fps", [23, 24, 25, 30])
def test_frames_come_in_order_at_a_constant_rate(tmp_path: Path, fps: int) -> None:
    path = tmp_path / "a.mp4"
    assert SegmentWriter(path, 96, 64, fps).write(moving(40)) == 40
    assert count_frames(path) == 40
    assert times(path) == [(512 * n, 512 * n) for n in range(40)]  # pts = dts: no B-frames


def test_a_segment_begins_with_a_key_frame_and_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    SegmentWriter(path, 96, 64, 25).write(moving(81))
    keys = times(path, keys_only=True)
    assert keys[0][0] == 0


def test_the_same_frames_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        SegmentWriter(tmp_path / name, 96, 64, 25).write(moving(30))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_segments_join_by_copying_without_a_gap(tmp_path: Path) -> None:
    for index in range(2):
        SegmentWriter(tmp_path / f"{index}.mp4", 96, 64, 24).write(moving(30, 30 * index))
    (tmp_path / "list").write_text("file '0.mp4'\nfile '1.mp4'\n")
    joined = ["-f", "concat", "-i", str(tmp_path / "list"), "-c", "copy", str(tmp_path / "all.mp4")]
    subprocess.run([FFMPEG, "-v", "error", *joined], check=True)
    assert [pts for pts, _ in times(tmp_path / "all.mp4")] == [512 * n for n in range(60)]


def test_a_frame_that_does_not_fit_is_told(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "missing" / "a.mp4", 96, 64, 25)
    with pytest.raises(RuntimeError, match="could not encode"):
        writer.write(moving(200))
