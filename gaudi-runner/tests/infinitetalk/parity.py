"""The weights and arrays of the recorded reference (tests/parity_data.py says where they lie)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from parity_data import PARITY_DIR, uniform
from torch import Tensor


def arrays(file: str) -> dict[str, Tensor]:
    """The arrays of an .npz."""
    with np.load(PARITY_DIR / file) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def parameters(rows: list[list[Any]]) -> dict[str, Tensor]:
    """Weights by their published names, from [name, shape, kind] rows."""
    return {name: _parameter(name, tuple(shape), kind) for name, shape, kind in rows}


def _parameter(name: str, shape: tuple[int, ...], kind: str) -> Tensor:
    u = uniform(name, shape)
    match kind:
        case "weight":
            return u * math.sqrt(3 / math.prod(shape[1:]))
        case "bias":
            return 0.1 * u
        case "norm":
            return 1 + 0.1 * u
        case "modulation":
            return 0.5 * u
        case "embedding":
            return u
    raise ValueError(f"a parameter of kind {kind}")
