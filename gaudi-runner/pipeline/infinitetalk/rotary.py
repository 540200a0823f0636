"""Rotary position embeddings. Both kinds turn pairs of adjacent channels (2m, 2m + 1), the same for every head.

Tables are made in float64 on the host and kept in float32 on the device: accelerators have no float64.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.infinitetalk.parallel import RankTokens

THETA = 10000.0


class Rotation(NamedTuple):
    """Cosines and sines, float32, [tokens, 1, head_width / 2]."""

    cos: Tensor
    sin: Tensor


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn x [.., tokens, heads, head_width] in float32, in x's type."""
    real, imaginary = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = (
        real * rotation.cos - imaginary * rotation.sin,
        real * rotation.sin + imaginary * rotation.cos,
    )
    return torch.stack(turned, dim=-1).flatten(-2).to(x.dtype)


@lru_cache(maxsize=8)  # one entry for each shape of chunk in use
def grid_rotation(tokens: RankTokens, head_width: int, device: torch.device) -> Rotation:
    """Make the turns of this rank's tokens by latent frame, row and column.

    Rows and columns have a third of the pairs each, rounded down; the frame has the rest. The exponent of an axis
    counts its own pairs only.
    """
    grid, index = tokens.grid, tokens.indices()
    frame, within = index // grid.per_frame, index % grid.per_frame
    third = head_width // 2 // 3
    axes = (
        (frame, head_width // 2 - 2 * third),
        (within // grid.columns, third),
        (within % grid.columns, third),
    )
    angles = torch.cat([_angles(position.double(), pairs) for position, pairs in axes], dim=-1)  # [s, pairs]
    return Rotation(angles.cos().float().unsqueeze(1).to(device), angles.sin().float().unsqueeze(1).to(device))


def line_rotation(position: Tensor, head_width: int) -> Rotation:
    """Make the turns by one real position each [tokens], over all pairs of a head, in float32."""
    angles = _angles(position.float(), head_width // 2)
    return Rotation(angles.cos().unsqueeze(1), angles.sin().unsqueeze(1))


def _angles(position: Tensor, pairs: int) -> Tensor:
    """Position * 10000^(-m / pairs), m = 0 .. pairs - 1: [tokens] -> [tokens, pairs]."""
    m = torch.arange(pairs, dtype=position.dtype, device=position.device)
    return position.unsqueeze(-1) * THETA ** (-m / pairs)
