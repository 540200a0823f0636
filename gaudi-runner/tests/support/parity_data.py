"""The reference's recorded numbers: where they lie, and the rule that makes every input and weight."""

from __future__ import annotations

import json
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

PARITY_DIR = Path(os.environ.get("PARITY_DIR", Path(__file__).parents[4] / "shared" / "parity"))

needs_parity = pytest.mark.skipif(
    not PARITY_DIR.is_dir(), reason=f"NO PARITY DATA at {PARITY_DIR}: set PARITY_DIR to compare with the reference"
)


def cases(name: str) -> list:
    path = PARITY_DIR / name
    return json.loads(path.read_text()) if path.exists() else []


def uniform64(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Deterministic numbers in [-1, 1) by a name, before rounding to float32; the reference ran with the same."""
    with np.errstate(over="ignore"):
        z = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()) << 32)
        z += np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (2 * ((z >> np.uint64(11)).astype(np.float64) / 2**53) - 1).reshape(shape)


def uniform(name: str, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(uniform64(name, shape).astype(np.float32))


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
