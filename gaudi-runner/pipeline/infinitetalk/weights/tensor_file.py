"""Published weights on disk, read through memory maps: names and shapes at once, a tensor's bytes when it is asked for.

A .safetensors file cut short, or a .pth that is no archive, is refused when it is opened, before anything is read.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True)
class TensorFile:
    """One file of tensors. `digest` is of its header, its size and the first bytes of its tensors."""

    path: Path
    shapes: dict[str, tuple[int, ...]]
    types: dict[str, str]  # as the file names them
    digest: str
    _loaded: dict[str, Tensor] = field(default_factory=dict, repr=False)  # .pth: mapped as a whole
    _stored: dict[str, str] = field(default_factory=dict, repr=False)  # where the file names them differently

    @contextmanager
    def reading(self) -> Iterator[Callable[[str], Tensor]]:
        """Hold the file open; what this gives makes a tensor by its name, as a view of the mapped file."""
        if self._loaded:
            yield lambda name: self._loaded[self._stored.get(name, name)]
        else:
            with safe_open(self.path, "pt") as opened:
                yield lambda name: opened.get_tensor(self._stored.get(name, name))

    def tensors(self) -> dict[str, Tensor]:
        """Map all tensors; their bytes are read when they are used."""
        with self.reading() as tensor:
            return {name: tensor(name) for name in self.shapes}

    def renamed(self, rename: Callable[[str], str]) -> TensorFile:
        """Give every tensor another name; the file stays as it is."""
        shapes = {rename(name): shape for name, shape in self.shapes.items()}
        types = {rename(name): type for name, type in self.types.items()}
        return replace(self, shapes=shapes, types=types, _stored={rename(name): name for name in self.shapes})


def open_tensors(path: Path) -> TensorFile:
    """Open a .safetensors, .pth or .bin file. ValueError, naming the file, where it is missing or cut short."""
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    return _open_safetensors(path) if path.suffix == ".safetensors" else _open_pth(path)


def _open_safetensors(path: Path) -> TensorFile:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 + length:
            raise ValueError(f"{path} is cut short: {size} bytes, its header alone has {8 + length}")
        raw = file.read(length)
        try:
            header = json.loads(raw)
        except ValueError as error:
            raise ValueError(f"{path} is not a safetensors file: {error}") from error
        sample = file.read(SAMPLE_BYTES)
    header.pop("__metadata__", None)
    whole = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if size != whole:
        raise ValueError(f"{path} has {size} bytes, its header says {whole}: download it again")
    shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
    types = {name: entry["dtype"] for name, entry in header.items()}
    return TensorFile(path, shapes, types, _digest(raw, size, sample))


def _open_pth(path: Path) -> TensorFile:
    try:
        with zipfile.ZipFile(path) as archive:  # the directory of an archive holds a checksum of every tensor
            raw = repr([(entry.filename, entry.file_size, entry.CRC) for entry in archive.infolist()]).encode()
        loaded = torch.load(path, mmap=True, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise ValueError(f"{path} is cut short or no file of tensors: {error}") from error
    tensors = {name: value for name, value in loaded.items() if isinstance(value, Tensor)}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    types = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()}
    return TensorFile(path, shapes, types, _digest(raw, path.stat().st_size, b""), tensors)


def _digest(header: bytes, size: int, sample: bytes) -> str:
    return hashlib.sha256(b"%d:%d:" % (size, len(header)) + header + sample).hexdigest()
