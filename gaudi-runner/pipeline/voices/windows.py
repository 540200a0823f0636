"""From a voice's embedding to the windows of features that each frame is rendered from."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from pipeline.voices.signals import SAMPLE_RATE


class Rows(Protocol):
    """An embedding [L, layers, d]: a tensor, or a file that is read by windows."""

    def __len__(self) -> int:
        """L, one for each frame."""

    def __getitem__(self, frames: slice) -> Tensor:
        """Some frames' features."""


def frame_count(samples: int, fps: int) -> int:
    """Whole frames that fit in so many samples; at least one."""
    return max(1, samples * fps // SAMPLE_RATE)


def chunk_windows(embedding: Rows, start: int, frames: int) -> Tensor:
    """Each frame of a chunk with two neighbours on either side, [F, 5, layers, d], of an embedding [L, layers, d].

    Beyond the sound's end the reference mirrors the embedding, only in the last chunk of several: by its own last
    end - L + 3 frames, the 3 covering the window. Elsewhere the ends repeat.
    """
    length, end = len(embedding), start + frames
    index = torch.arange(start, end)[:, None] + torch.arange(-2, 3)
    mirrored = min(end - length + 3, length) if start > 0 and end >= length else 0
    index = index.clamp(0, length + mirrored - 1)
    index = torch.where(index < length, index, 2 * length - 1 - index)
    first = int(index.min())
    return embedding[first : int(index.max()) + 1][index - first]
