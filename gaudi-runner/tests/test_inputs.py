"""While rank 0 reads an order's voices, the others show that they live, and leave with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import Tensor

from pipeline.demo.engine import DemoEngine
from pipeline.engine import Signal
from pipeline.rank import run_on_rank0 as rank0
from pipeline.rank.group import Group
from pipeline.rank.stopping import Aborted
from pipeline.render import share_inputs
from support.gloo import on_ranks
from support.orders import make_inputs, order


class InPieces(DemoEngine):
    """Embeds a voice as the model does a long one: piece by piece."""

    def embed_voice(self, signal: Signal, frames: int, fps: int) -> Iterator[Tensor]:
        for whole in super().embed_voice(signal, frames, fps):
            yield from whole.split(30)


def read_inputs(group: Group, given: tuple[Path, int]) -> tuple[int, bool]:
    """How often this rank was asked to go on, and whether it was stopped: at the nth time."""
    rank0.TICK_SECONDS = 0.0  # at every piece
    directory, stopped_at = given
    times = 0

    def tick() -> None:
        nonlocal times
        times += 1
        if group.broadcast_object(times == stopped_at):
            raise Aborted

    try:
        share_inputs(InPieces(group), group, tick, directory, order(frames=100))
    except Aborted:
        return times, True
    return times, False


@pytest.mark.parametrize(("stopped_at", "expected"), [(0, (4, False)), (2, (2, True))])
def test_ranks_go_on_or_leave_together_after_each_piece_of_a_voice(
    tmp_path: Path, stopped_at: int, expected: tuple[int, bool]
) -> None:
    results = on_ranks((3,), read_inputs, (make_inputs(tmp_path), stopped_at))
    assert results == {3: [expected] * 3}
