"""Arrays with a header in one file that is either whole or refused: its first line is the digest of all the rest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

# Raised when the shape of the files changes; older ones are still read, newer ones refused.
FORMAT = 1


class NotWhole(ValueError):
    """The file is not there, was cut off, holds other bytes than were written, or is a newer version's."""


def write_state_file(path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write it in place: whoever needs it whole renames it. The same content gives the same bytes."""
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    described = json.dumps({"format": FORMAT, "header": header, "arrays": shapes}, sort_keys=True).encode() + b"\n"
    contents = [
        np.ascontiguousarray(arrays[name]).data.cast("B") if arrays[name].size else b"" for name in sorted(arrays)
    ]
    digest = hashlib.sha256(described)
    for content in contents:
        digest.update(content)
    with path.open("wb") as file:
        file.write(digest.hexdigest().encode() + b"\n" + described)
        for content in contents:
            file.write(content)


def read_state_file(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read header and arrays. Raises NotWhole; what it accepts is what was written, to the byte."""
    try:
        digest, _, rest = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise NotWhole(str(error)) from error
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise NotWhole(f"{path.name} is not whole: its {len(rest)} bytes are not those that were written")
    described, _, content = rest.partition(b"\n")
    said = json.loads(described)
    if said["format"] > FORMAT:
        raise NotWhole(f"{path.name} has format {said['format']}; this version knows formats up to {FORMAT}")
    arrays, at = {}, 0
    for name, (dtype, shape) in sorted(said["arrays"].items()):
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(content, np.dtype(dtype), count, at).reshape(shape).copy()
        at += arrays[name].nbytes
    return said["header"], arrays
