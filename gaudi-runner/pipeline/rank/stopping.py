"""Whether to go on with a job: rank 0 decides, and all ranks do the same at the same place."""

from __future__ import annotations

from typing import Literal

from pipeline.rank.control import Control, RunnerGone
from pipeline.rank.group import Group

Decision = Literal["on", "abort", "abort_after_chunk", "leave"]


class Aborted(Exception):
    """All ranks stop this job here."""


class Stopping:
    """Rank 0 looks at its socket, and all ranks do as it says."""

    def __init__(self, group: Group, control: Control, job: str) -> None:
        self._group, self._control, self._job = group, control, job
        self._after_chunk = False

    def at_step(self) -> None:
        """Collective, before every step. Raises Aborted or RunnerGone on every rank alike."""
        self._decided()

    def after_chunk(self) -> bool:
        """Collective, between two chunks: whether this was to be the last one for now. Raises as `at_step`."""
        return self._decided() == "abort_after_chunk"

    def _decided(self) -> Decision:
        decision = self._group.broadcast_object(self._asked() if self._group.is_rank0 else "on")
        if decision == "abort":
            raise Aborted
        if decision == "leave":
            raise RunnerGone
        return decision

    def _asked(self) -> Decision:
        try:
            asked = self._control.asked_to_abort(self._job)
        except RunnerGone:
            return "leave"
        if asked == "now":
            return "abort"
        self._after_chunk = self._after_chunk or asked == "after_chunk"
        return "abort_after_chunk" if self._after_chunk else "on"
