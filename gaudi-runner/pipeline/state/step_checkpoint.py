"""Where the running chunk stands, on the node's own disk: ranks that were killed go on inside the chunk.

`steps.state` in the job's folder is replaced by rename after a step, at most once a second: after every step of a
model whose steps take longer. It always continues the newest chunk that has been handed over, for nothing is written
of a chunk while the one before is on its way. With that chunk's state it is all that a chunk needs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from pipeline.state.state_file import NotWhole, read_state_file, write_state_file

FILE = "steps.state"
SECONDS = 1.0


@dataclass(frozen=True)
class Steps:
    """Finished steps of a chunk. With the state that the chunk began with, all that is needed to finish it."""

    chunk: int
    finished: int
    latent: Tensor  # [C,T,h,w] float32


class StepCheckpoint:
    """Rank 0's writer. The denoising waits for a copy of the latent and never for the disk."""

    def __init__(self, directory: Path, identity: dict[str, Any], chunk_before_is_there: Callable[[], bool]) -> None:
        self._path, self._identity, self._may_write = directory / FILE, identity, chunk_before_is_there
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="steps")
        self._writing: Future[None] | None = None
        self._written = -SECONDS

    def after_step(self, chunk: int, finished: int, latent: Tensor) -> None:
        """So many steps of a chunk have made this latent [C,T,h,w]. Call it after every step: it asks each time."""
        busy = self._writing is not None and not self._writing.done()
        if not self._may_write() or busy or time.monotonic() - self._written < SECONDS:
            return
        self._written = time.monotonic()
        copy = latent.detach().to("cpu", torch.float32, copy=True)  # the next step changes it in place
        self._writing = self._thread.submit(self._write, Steps(chunk, finished, copy))

    def __enter__(self) -> StepCheckpoint:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown(wait=True)
        if kind is None:  # the job is done; whoever was stopped may go on from here
            self._path.unlink(missing_ok=True)

    def _write(self, steps: Steps) -> None:
        part = self._path.with_name(f"{FILE}.part")
        header = {"chunk": steps.chunk, "finished": steps.finished, "identity": self._identity}
        try:
            write_state_file(part, header, {"latent": steps.latent.numpy()})
            part.rename(self._path)
        except OSError as error:
            # It only saves time. A disk that is full stops the render where it must: at the next chunk.
            sys.stderr.write(f"step {steps.finished} of chunk {steps.chunk} is not kept: {error}\n")


def read_steps(
    directory: Path, chunk: int, steps: int, identity: dict[str, Any], latent_shape: tuple[int, ...]
) -> Steps | None:
    """The finished steps of this chunk of this render; None where there are none, or they are torn or another's."""
    try:
        header, arrays = read_state_file(directory / FILE)
    except NotWhole:
        return None
    if (header.get("chunk"), header.get("identity")) != (chunk, identity) or not 0 < header["finished"] <= steps:
        return None
    latent = torch.from_numpy(arrays["latent"])
    if tuple(latent.shape) != latent_shape or not latent.isfinite().all():
        return None
    return Steps(chunk, header["finished"], latent)
