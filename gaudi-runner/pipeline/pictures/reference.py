"""The reference, frame by frame: a still picture, or a video read no further than it is needed."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from pipeline.order import OrderRejected
from pipeline.pictures.ffmpeg import SAFE_INPUT, count_frames, ffmpeg_command
from pipeline.pictures.fit import fit_picture


class StillReference:
    """A picture, which is every frame of itself: a PNG of 8-bit RGB, upright, made from whatever was sent.

    Nothing else is opened: what reads the many other kinds has been exploited before.
    """

    still = True

    def __init__(self, path: Path, height: int, width: int) -> None:
        try:
            with Image.open(path, formats=["PNG"]) as picture:
                if picture.mode != "RGB":
                    raise ValueError(f"its pixels are {picture.mode}, not RGB")
                self.source_width, self.source_height = picture.size
                self._frame = fit_picture(picture, height, width)
        except (OSError, Image.DecompressionBombError, ValueError) as error:
            raise OrderRejected(f"the reference picture cannot be read: {error}", "reference_unreadable") from error

    def frames(self, _start: int, count: int) -> Iterator[Tensor]:
        """Yield the picture [3,H,W] `count` times."""
        for _ in range(count):
            yield self._frame


class VideoReference:
    """An H.264 MP4 at the order's frame rate, decoded in stretches so that its length does not matter."""

    still = False

    def __init__(self, path: Path, height: int, width: int, fps: int) -> None:
        self._path, self._height, self._width, self._fps = path, height, width, fps
        try:
            self._count = count_frames(path)
            with _first_picture(path) as picture:
                self.source_width, self.source_height = picture.size
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise OrderRejected(f"the reference video cannot be read: {error}", "reference_unreadable") from error

    def frames(self, start: int, count: int) -> Iterator[Tensor]:
        """Yield frames [3,H,W] from number `start` on, each resized and cropped; the last one repeats at the end."""
        first = min(start, self._count - 1)
        last = None
        for number, picture in zip(range(count), self._decode(first, min(count, self._count - first)), strict=False):
            last = fit_picture(picture, self._height, self._width)
            yield last
            given = number + 1
        if last is None:
            raise OrderRejected(f"frame {first} of the reference video cannot be decoded", "reference_unreadable")
        for _ in range(count - given):
            yield last

    def _decode(self, first: int, count: int) -> Iterator[Image.Image]:
        # Half a frame early: the frame wanted is then the first one at or after the seek, whatever the rounding.
        seek = ["-ss", f"{max(0.0, (first - 0.5) / self._fps):.6f}"]
        raw = [
            "-map",
            "0:v:0",
            "-frames:v",
            str(count),
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ]
        command = ffmpeg_command(*SAFE_INPUT, "-noautorotate", *seek, "-i", str(self._path), *raw)
        size = self.source_width * self.source_height * 3
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as decoder:
            try:
                assert decoder.stdout is not None
                while len(pixels := decoder.stdout.read(size)) == size:
                    shape = (self.source_height, self.source_width, 3)
                    yield Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape))
            finally:
                decoder.kill()


def _first_picture(path: Path) -> Image.Image:
    png = ["-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm", "-"]
    command = ffmpeg_command(*SAFE_INPUT, "-noautorotate", "-i", str(path), *png)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    if done.returncode != 0 or not done.stdout:
        raise ValueError(done.stderr.decode(errors="replace").strip() or "no first frame")
    return Image.open(io.BytesIO(done.stdout))
