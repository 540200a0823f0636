"""What a chunk leaves for the next one, in a file: resuming from it gives the same bytes as not stopping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.order import OrderRejected
from pipeline.state.state_file import NotWhole, read_state_file, write_state_file

# Raised whenever the loop, the placing of voices or the correction of colours gives other numbers than before.
LOOP_REVISION = 4


@dataclass(frozen=True)
class State:
    """What chunk `next_chunk` needs of those before it; everything else can be made again."""

    next_chunk: int
    generator: Tensor  # of the job's own random numbers, uint8
    motion: Tensor | None  # [C,m,h,w] float32; None after the last chunk


def state_name(chunk: int) -> str:
    """The file that a chunk leaves beside its segment."""
    return f"chunk-{chunk:04d}.state"


def write_checkpoint(path: Path, state: State, identity: dict[str, Any]) -> None:
    """Write a state and whose it is. The same state gives the same bytes."""
    motion = state.motion.float().cpu().numpy() if state.motion is not None else np.zeros(0, np.float32)
    header = {"next_chunk": state.next_chunk, "identity": identity}
    write_state_file(path, header, {"generator": state.generator.numpy(), "motion": motion})


def read_checkpoint(path: Path, first_chunk: int, identity: dict[str, Any], motion_shape: tuple[int, ...]) -> State:
    """Read a state; one of another order, engine or code is refused with what differs."""
    try:
        header, arrays = read_state_file(path)
    except NotWhole as error:
        raise _refused(f"cannot be read: {error}") from error
    theirs = header["identity"]
    differing = [
        f"{name} was {theirs.get(name)!r} and is {identity.get(name)!r}"
        for name in sorted(theirs.keys() | identity.keys())
        if theirs.get(name) != identity.get(name)
    ]
    if differing:
        raise _refused(f"belongs to another render: {'; '.join(differing)}")
    if header["next_chunk"] != first_chunk:
        raise _refused(f"leads to chunk {header['next_chunk']}, not {first_chunk}")
    generator, motion = torch.from_numpy(arrays["generator"]), torch.from_numpy(arrays["motion"])
    if motion.numel() == 0:
        return State(first_chunk, generator, None)
    if tuple(motion.shape) != motion_shape or not motion.isfinite().all():
        raise _refused(f"has motion latents {tuple(motion.shape)}, which are not finite {motion_shape}")
    return State(first_chunk, generator, motion)


def _refused(what: str) -> OrderRejected:
    return OrderRejected(f"the checkpoint {what}", "checkpoint_refused")
