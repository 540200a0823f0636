"""The transformer's weights: checked as a whole before any rank starts, read shard by shard straight to the device.

No rank ever holds a second copy: a tensor is a view of the mapped file until it is on the device in its type, and stays
one where that is what the file has (float32 on a CPU).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..engine import CannotStart
from ..presets import DISTILLED, QUALITY
from .diffusers_layout import published_name
from .lora import Lora, read_lora
from .model_folder import ModelFolder
from .tensor_file import TensorFile, open_tensors
from .transformer import Transformer

READABLE = ("F32", "BF16", "F16")
SHOWN = 10


class WeightsError(CannotStart):
    """The files are not the model's. `problems` has all; the message the first ten, and where to get the files."""

    def __init__(self, folder: ModelFolder, problems: list[str]) -> None:
        self.problems = problems
        more = f"\n... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        sources = "\n".join(f"  {path}  from  {source}" for path, source in folder.sources.items())
        listed = "\n".join(f"  {problem}" for problem in problems[:SHOWN])
        super().__init__(f"{len(problems)} problems with the weights:\n{listed}{more}\nComplete folders:\n{sources}")


@dataclass(frozen=True)
class Variant:
    """What the weights of a job depend on: the audio layers on the number of voices, the LoRA on the preset."""

    voices: int = 1
    preset: str = QUALITY


@dataclass(frozen=True)
class TransformerWeights:
    """Files that hold every parameter of the transformer, once, in its shape."""

    shards: list[TensorFile]
    adapters: dict[int, TensorFile]  # by number of voices
    loras: dict[str, Lora]  # by preset; those whose file is there

    def identity(self, preset: str) -> str:
        """Digest of names, shapes, types and files, the preset's changes included: equal weights have equal ones."""
        parts = [file.digest for file in self.shards]
        parts += [f"{voices}:{file.digest}" for voices, file in sorted(self.adapters.items())]
        if preset in self.loras:
            lora = self.loras[preset]
            parts.append(f"{lora.scale}:{lora.file.digest}")
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def place(
        self,
        model: Transformer,
        wanted: Variant,
        placed: Variant | None,
        device: torch.device,
        dtype: torch.dtype,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Give the model the parameters of a variant, parameter by parameter in place of those it has.

        Where another variant is placed, only those that differ are read again: from the files, so that a change is
        never taken back by arithmetic, and going there and back gives the same bits. Calls `beat` between them.
        """
        names = self._differing(wanted, placed) if placed else None
        lora = self.loras.get(wanted.preset)
        for file in (*self.shards, self.adapters[wanted.voices]):
            with file.reading() as tensor:
                for name in file.shapes if names is None else file.shapes.keys() & names:
                    # First to the device, then to its type: the host converts slowly.
                    weight: Tensor = tensor(name).to(device)
                    change = lora.change(name, device) if lora else None
                    weight = weight if change is None else weight.float() + change
                    owner, _, parameter = name.rpartition(".")
                    setattr(model.get_submodule(owner), parameter, nn.Parameter(weight.to(dtype), requires_grad=False))
                    beat()

    def _differing(self, one: Variant, other: Variant) -> set[str]:
        names: set[str] = set()
        if self.adapters[one.voices].path != self.adapters[other.voices].path:
            names.update(self.adapters[one.voices].shapes)
        if one.preset != other.preset:
            for preset in (one.preset, other.preset):
                names.update(self.loras[preset].changes if preset in self.loras else ())
        return names


def check_weights(model: Transformer, folder: ModelFolder) -> TransformerWeights:
    """Open all files and compare their headers with the model. WeightsError with everything that is wrong.

    A preset's LoRA may be missing; one that is there must fit.
    """
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    problems: list[str] = []
    shards = _open(folder.shards(), problems)
    if folder.diffusers:
        shards = [shard.renamed(published_name) for shard in shards]
    base = {name: shape for name, shape in shapes.items() if not is_adapter(name)}
    problems += _differences(base, shards, missing_in=None if problems else str(folder.base))
    adapters = {}
    for voices in (1, 2):
        path = folder.adapter(voices)
        if opened := _open([path], problems):
            adapters[voices] = opened[0]
            wanted = {name: shape for name, shape in shapes.items() if is_adapter(name)}
            problems += _differences(wanted, opened, missing_in=str(path))
    loras = {}
    for preset, distilled in DISTILLED.items():
        path = folder.lora(preset)
        try:
            if path.is_file():
                loras[preset] = read_lora(open_tensors(path), distilled.scale, shapes)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise WeightsError(folder, list(dict.fromkeys(problems)))
    return TransformerWeights(shards, adapters, loras)


def is_adapter(name: str) -> bool:
    """Whether a parameter is of the audio layers, which come in a file of their own."""
    return name.startswith("audio_proj.") or ".audio_cross_attn." in name or ".norm_x." in name


def _open(paths: list[Path], problems: list[str]) -> list[TensorFile]:
    files = []
    for path in paths:
        try:
            files.append(open_tensors(path))
        except ValueError as error:
            problems.append(str(error))
    return files


def _differences(wanted: dict[str, tuple[int, ...]], files: list[TensorFile], missing_in: str | None) -> list[str]:
    """Say where the files' tensors are not exactly the wanted ones; of missing ones where all files could be opened."""
    problems, seen = [], set()
    for file in files:
        for name, shape in file.shapes.items():
            if name not in wanted:
                problems.append(f"{file.path}: {name} is not a parameter of this model")
            elif name in seen:
                problems.append(f"{file.path}: {name} is in another shard too")
            elif shape != wanted[name]:
                problems.append(f"{file.path}: {name} has shape {list(shape)}, not {list(wanted[name])}")
            elif file.types[name] not in READABLE:
                problems.append(f"{file.path}: {name} is {file.types[name]}, not one of {' '.join(READABLE)}")
            seen.add(name)
    if missing_in is None:
        return problems
    return problems + [f"{missing_in}: {name} is missing" for name in wanted if name not in seen]
