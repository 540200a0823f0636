"""While rank 0 makes something alone, the others show that they live, and leave with it."""

from __future__ import annotations

import torch

from pipeline.demo.engine import DemoEngine
from pipeline.denoise import Hooks
from pipeline.engine import Tick
from pipeline.finite import NotANumber
from pipeline.guidance import Sampling
from pipeline.pictures.masks import person_masks
from pipeline.plan import plan_chunks
from pipeline.rank import run_on_rank0 as rank0
from pipeline.rank.group import Group
from pipeline.rank.stopping import Aborted
from pipeline.stream import Prepared, Video, stream
from support.gloo import on_ranks
from support.linear_engine import LinearReference
from support.parity_data import uniform


def make_in_pieces(group: Group, pieces: int) -> list[object]:
    """What each rank got, how often it went on, and what reached it of a number that was none."""
    rank0.TICK_SECONDS = 0.0  # at every piece
    times = 0

    def tick() -> None:
        nonlocal times
        times += 1

    def make(tick: Tick) -> str:
        for _ in range(pieces):
            tick()
        return "made"

    def lose(tick: Tick) -> str:
        tick()
        raise NotANumber("it is not finite")

    made = rank0.run_on_rank0(group, make, tick)
    try:
        rank0.run_on_rank0(group, lose, tick)
    except NotANumber as error:
        return [made, times, str(error)]
    return [made, times]


def test_all_ranks_go_on_after_each_piece_and_hear_of_what_went_wrong() -> None:
    alike = [5, "it is not finite"]
    assert on_ranks((3,), make_in_pieces, 4) == {3: [["made", *alike], [None, *alike], [None, *alike]]}


def draw_until_stopped(group: Group, stopped_at: list[int]) -> list[tuple[int, int]]:
    """Chunks that this rank saw, and how often it went on, of videos that are stopped at the nth piece."""
    rank0.TICK_SECONDS = 0.0  # at every piece
    torch.set_grad_enabled(False)
    seen = []
    for limit in stopped_at:
        times, chunks = 0, 0

        def tick(limit: int = limit) -> None:
            nonlocal times
            times += 1
            if group.broadcast_object(times == limit):
                raise Aborted

        prepared = None
        if group.is_rank0:
            embedding = uniform("made.voice", (30, 1, 3)).abs()
            prepared = Prepared(LinearReference(False), [embedding], person_masks(1, 32, 32, 32, 32), "hello", "neg")
        video = Video(plan_chunks(30, 25, 9), Sampling(2, 5.0, 5.0, 4.0), 3, 25)
        try:
            for _ in stream(DemoEngine(group), group, video, prepared=prepared, hooks=Hooks(tick=tick)):
                chunks += 1
        except Aborted:
            pass
        seen.append((chunks, times))
    return seen


def test_a_video_is_left_by_all_ranks_between_two_pieces_wherever_that_is() -> None:
    stopped_at = [1, 9, 20, 35, 50, 0]
    (alone,) = on_ranks((1,), draw_until_stopped, stopped_at)[1]
    both = on_ranks((2,), draw_until_stopped, stopped_at)[2]
    assert both == [alone, alone]
    assert [times for _, times in alone[:5]] == stopped_at[:5]
    assert alone[-1] == (2, max(times for _, times in alone))
