"""What is told of a running render: finished chunks and steps, the time left, the speed."""

from __future__ import annotations

import time

from pipeline.guidance import Sampling
from pipeline.rank.control import Control

PROGRESS_SECONDS = 0.2


class Progress:
    """Counts the steps of one render; says what was measured, and nothing before.

    `tokens` are those of each chunk's forward pass: a shorter chunk's steps take less time. `at` is the chunk and its
    finished steps that the render goes on from: told at once, and not counted as done here.
    """

    def __init__(
        self, control: Control | None, job: str, sampling: Sampling, tokens: list[int], at: tuple[int, int]
    ) -> None:
        self._control, self._job, self._tokens = control, job, tokens
        self._steps, self._passes = sampling.steps, sampling.passes
        self._from = at
        self._began: float | None = None  # when the first step started
        self._chunk_began = time.monotonic()
        self._tell(*at, self._chunk_began)

    def at(self, chunk: int, step: int) -> None:
        """So many chunks, and steps of the running one, are finished."""
        now = time.monotonic()
        self._began = self._began or now
        if now - self._told >= PROGRESS_SECONDS or step == 0:
            self._tell(chunk, step, now)

    def chunk_done(self, chunk: int) -> None:
        """A chunk has been computed: its wall time over its forward passes is the speed to expect of others."""
        now = time.monotonic()
        self._tell(chunk + 1, 0, now)
        resumed_inside = chunk == self._from[0] and self._from[1] > 0
        if self._control is not None and not resumed_inside:
            seconds = (now - self._chunk_began) / (self._steps * self._passes)
            self._control.send("speed", seconds_per_forward=seconds, tokens_per_forward=self._tokens[chunk])
        self._chunk_began = now

    def _tell(self, chunk: int, step: int, now: float) -> None:
        self._told = now
        if self._control is None:
            return
        done = self._work(chunk, step) - self._work(*self._from)
        left = self._work(len(self._tokens), 0) - self._work(chunk, step)
        seconds_left = (now - self._began) / done * left if done > 0 and self._began is not None else None
        self._control.send(
            "progress",
            job=self._job,
            chunk=chunk,
            chunks=len(self._tokens),
            step=step,
            steps=self._steps,
            seconds_left=seconds_left,
        )

    def _work(self, chunk: int, step: int) -> int:
        """Count what so many chunks, and steps of the next one, ask for: steps times tokens."""
        running = self._tokens[chunk] * step if step else 0
        return sum(self._tokens[:chunk]) * self._steps + running
