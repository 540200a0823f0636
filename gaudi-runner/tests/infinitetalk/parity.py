"""The recorded numbers of the reference: where they are, and the rule by which weights and inputs are made."""

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

DEFAULT = Path(__file__).resolve().parents[4] / "shared" / "parity"


def parity_dir() -> Path:
    """PARITY_DIR, or ../shared/parity beside the repository. Skips the test, saying so, where there is none."""
    folder = Path(os.environ.get("PARITY_DIR", DEFAULT))
    if not folder.is_dir():
        pytest.skip(f"NO PARITY DATA at {folder}: the model's numbers are not checked (set PARITY_DIR)")
    return folder


def cases(file: str) -> Any:  # noqa: ANN401 - JSON
    """What a JSON file of the parity data holds; an empty list where there are no parity data."""
    path = Path(os.environ.get("PARITY_DIR", DEFAULT)) / file
    return json.loads(path.read_text()) if path.is_file() else []


def arrays(file: str) -> dict[str, Tensor]:
    """The arrays of an .npz."""
    with np.load(parity_dir() / file) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def uniform(name: str, shape: tuple[int, ...]) -> Tensor:
    """The numbers in [-1, 1) that belong to a name, float32."""
    with np.errstate(over="ignore"):
        z = (np.uint64(zlib.crc32(name.encode())) << np.uint64(32)) + np.arange(math.prod(shape), dtype=np.uint64)
        z += np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    values = 2 * ((z >> np.uint64(11)).astype(np.float64) / 2.0**53) - 1
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


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
