"""What rank 0 makes alone, however long it takes, while the others show that they live."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.engine import Tick
from pipeline.finite import NotANumber
from pipeline.order import OrderRejected
from pipeline.rank.control import BEAT_SECONDS
from pipeline.rank.group import Group

T = TypeVar("T")

# More beats are not sent. At each of the demo's pieces, of 0.05 s, a video took 5 % longer on busy cores.
TICK_SECONDS = BEAT_SECONDS
# What rank 0 meets and every rank raises, by the name that is sent with its arguments.
SHARED_ERRORS = {error.__name__: error for error in (NotANumber, OrderRejected)}


def run_on_rank0(group: Group, make: Callable[[Tick], T], tick: Tick) -> T | None:
    """What rank 0 makes, None on the others; collective.

    Waiting for it in a collective, no rank could show that it lives, or leave. So `make` is given a function to call
    after each piece of work, which a few times a second has all ranks `tick` together: a beat each, and the job's end
    where it is to stop.

    Numbers or an input that turn out bad are raised by every rank alike, before anything of them reaches another rank.
    """
    made: T | None = None
    wrong: NotANumber | OrderRejected | None = None
    last_tick = time.monotonic()

    def tick_together() -> None:
        nonlocal last_tick
        if time.monotonic() - last_tick >= TICK_SECONDS:
            group.broadcast_object(True)
            tick()
            last_tick = time.monotonic()

    if group.is_rank0:
        try:
            made = make(tick_together)
        except (NotANumber, OrderRejected) as error:
            wrong = error
        group.broadcast_object(False)
    else:
        while group.broadcast_object(False):
            tick()
    told = group.broadcast_object((type(wrong).__name__, wrong.args) if wrong is not None else None)
    if told is not None:
        name, args = told
        raise wrong or SHARED_ERRORS[name](*args)
    return made
