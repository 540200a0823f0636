"""What a voice says at each frame, in a file without a name: ten minutes of it would be half a gigabyte of memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.engine import Tick
from pipeline.order import OrderRejected


class Embedding:
    """Features [L, layers, d] of one voice, read a window at a time. The file ends with whoever has it open."""

    def __init__(self, folder: Path, pieces: Iterable[Tensor], who: str, tick: Tick) -> None:
        """Write the pieces, each [some, layers, d], and `tick` after each. OrderRejected where one is not finite."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as it is read
        self._length = 0
        self._shape: tuple[int, ...] = ()
        for piece in pieces:
            wrong = (~piece.isfinite()).flatten(1).any(1).nonzero()
            if wrong.numel():
                raise OrderRejected(
                    f"{who} gives features that are not finite, from frame {self._length + int(wrong[0])} on",
                    "not_a_number",
                )
            self._file.write(piece.float().cpu().contiguous().numpy().data.cast("B"))
            self._length, self._shape = self._length + piece.shape[0], tuple(piece.shape[1:])
            tick()
        self._file.flush()

    def __len__(self) -> int:
        """Frames."""
        return self._length

    def __getitem__(self, frames: slice) -> Tensor:
        """Some frames' features [n, layers, d]."""
        start, stop, _ = frames.indices(self._length)
        row = 4 * int(np.prod(self._shape))
        content = os.pread(self._file.fileno(), (stop - start) * row, start * row)
        return torch.from_numpy(np.frombuffer(content, np.float32).reshape(stop - start, *self._shape).copy())
