"""The digest of a file, read in blocks."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK = 1 << 20


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
