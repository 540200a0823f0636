"""How a library's module gets published weights: built without memory, then given tensors under its own names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

SHOWN = 10
M = TypeVar("M", bound=nn.Module)


def fill(build: Callable[[], M], tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype) -> M:
    """Build a module on `meta` and give it all of its tensors, each on its own to the device and type.

    ValueError where names or shapes are not the module's.
    """
    with torch.device("meta"):
        module = build()
    wanted = module.state_dict()
    missing, extra = wanted.keys() - tensors.keys(), tensors.keys() - wanted.keys()
    problems = [f"{name} is missing" for name in sorted(missing)] + [f"{name} is not known" for name in sorted(extra)]
    for name in sorted(wanted.keys() & tensors.keys()):
        if wanted[name].shape != tensors[name].shape:
            problems.append(f"{name} has shape {list(tensors[name].shape)}, not {list(wanted[name].shape)}")
        elif not tensors[name].is_floating_point():
            problems.append(f"{name} is {tensors[name].dtype}, which is no kind of float")
    if problems:
        more = f", and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise ValueError(f"{'; '.join(problems[:SHOWN])}{more}")
    placed: dict[int, Tensor] = {}  # tied weights stay one tensor
    for tensor in tensors.values():
        if id(tensor) not in placed:
            placed[id(tensor)] = tensor.to(device, dtype)
    module.load_state_dict({name: placed[id(tensor)] for name, tensor in tensors.items()}, assign=True)
    return module.requires_grad_(False).eval()


def indices(names: list[str] | dict[str, Tensor], prefix: str) -> range:
    """Count the numbered parts `prefix.0.`, `prefix.1.`, ... of a file."""
    numbers = {int(name[len(prefix) :].split(".")[0]) for name in names if name.startswith(prefix)}
    return range(max(numbers, default=-1) + 1)
