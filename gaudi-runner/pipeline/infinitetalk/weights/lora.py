"""Low-rank changes of the transformer's weights, added while these are read: so exactly once, whatever is swapped.

Two formats. `diffusion_model.K.lora_down/lora_up`, `.diff` and `.diff_b` are merged as the original does, without
alpha / rank. `K.lora_A/lora_B`, with any of PEFT's prefixes, are merged with the file's alpha / rank where it has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.infinitetalk.weights.tensor_file import TensorFile

PREFIXES = ("base_model.model.diffusion_model.", "base_model.model.", "diffusion_model.")
ENDINGS = {  # ending: what it changes, and its role there
    ".lora_down.weight": (".weight", "down"),
    ".lora_up.weight": (".weight", "up"),
    ".lora_A.weight": (".weight", "A"),
    ".lora_B.weight": (".weight", "B"),
    ".lora_A.default.weight": (".weight", "A"),
    ".lora_B.default.weight": (".weight", "B"),
    ".alpha": (".weight", "alpha"),
    ".diff": (".weight", "diff"),
    ".diff_b": (".bias", "diff"),
}
PAIRS = (("up", "down"), ("B", "A"))


@dataclass(frozen=True)
class Lora:
    """One file's changes: for each parameter, the key of each role."""

    file: TensorFile
    scale: float
    changes: dict[str, dict[str, str]]
    left_out: list[str]  # keys whose meaning is not known here; the model is what it is without them

    @property
    def applied(self) -> int:
        """How many of the file's keys change the model."""
        return sum(len(roles) for roles in self.changes.values())

    def __str__(self) -> str:
        return f"{self.file.path.name}, {self.applied} of {len(self.file.shapes)} keys merged, times {self.scale}"

    def change(self, name: str, device: torch.device) -> Tensor | None:
        """Make what to add to a parameter, float32 on the device; None where this file leaves it alone."""
        roles = self.changes.get(name)
        if roles is None:
            return None
        with self.file.reading() as tensor:
            parts = {role: tensor(key).to(device).float() for role, key in roles.items()}
        total = torch.zeros((), device=device)
        for left, right in PAIRS:
            if left in parts:
                factor = parts["alpha"] / parts[right].shape[0] if right == "A" and "alpha" in parts else 1.0
                total = total + factor * (parts[left] @ parts[right])
        if "diff" in parts:
            total = total + parts["diff"]
        return self.scale * total


def read_lora(file: TensorFile, scale: float, shapes: dict[str, tuple[int, ...]]) -> Lora:
    """Match a file's keys with the model's parameters.

    ValueError where none applies, or one that we know is for a parameter that the model lacks or of another shape.
    """
    changes: dict[str, dict[str, str]] = {}
    left_out = []
    for key in file.shapes:
        target = _target(key)
        if target is None:
            left_out.append(key)
        else:
            changes.setdefault(target[0], {})[target[1]] = key
    for name, roles in list(changes.items()):
        if not _whole(roles):  # half a pair, or an alpha of nothing
            left_out += changes.pop(name).values()
        elif name not in shapes:
            raise ValueError(f"{file.path} changes {name}, which the model does not have")
        elif not all(shape == shapes[name] for shape in _shapes(roles, file)):
            raise ValueError(f"{file.path}: its change of {name} is not of the shape {shapes[name]}")
    if not changes:
        known = ", ".join(sorted(ENDINGS))
        raise ValueError(f"{file.path} changes nothing: none of its {len(file.shapes)} keys ends in {known}")
    return Lora(file, scale, changes, left_out)


def _target(key: str) -> tuple[str, str] | None:
    for ending, (parameter, role) in ENDINGS.items():
        if key.endswith(ending):
            stem = key.removesuffix(ending)
            prefix = next((prefix for prefix in PREFIXES if stem.startswith(prefix)), "")
            if not prefix and role not in ("A", "B"):
                return None  # the original knows these under its own prefix only
            return stem.removeprefix(prefix) + parameter, role
    return None


def _whole(roles: Iterable[str]) -> bool:
    roles = set(roles)
    paired = all((left in roles) == (right in roles) for left, right in PAIRS)
    return paired and bool(roles - {"alpha"})


def _shapes(roles: dict[str, str], file: TensorFile) -> list[tuple[int, ...]]:
    found = [file.shapes[roles["diff"]]] if "diff" in roles else []
    for left, right in PAIRS:
        if left in roles:
            (rows, rank), (also_rank, columns) = file.shapes[roles[left]][:2], file.shapes[roles[right]][:2]
            two = len(file.shapes[roles[left]]) == len(file.shapes[roles[right]]) == 2
            found.append((rows, columns) if two and rank == also_rank else ())
    return found
