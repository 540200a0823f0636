"""What rank 0 makes alone, however long it takes, while the others show that they live."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.engine import GoOn
from pipeline.finite import NotANumber
from pipeline.order import OrderRejected
from pipeline.rank.control import BEAT_SECONDS
from pipeline.rank.group import Group

T = TypeVar("T")

# More beats are not sent. Agreed at each of the demo's pieces, of 0.05 s, a video took 5 % longer on busy cores.
APART_SECONDS = BEAT_SECONDS


def run_on_rank0(group: Group, make: Callable[[GoOn], T], go_on: GoOn) -> T | None:
    """What rank 0 makes, None on the others; collective.

    Waiting for it in a collective, no rank could show that it lives, or leave. So `make` is given a function to call
    after each piece of work, which a few times a second has all ranks `go_on` together: a beat each, and the job's end
    where it is to stop.

    Numbers or an input that turn out bad are raised by every rank alike, before anything of them reaches another rank.
    """
    made, wrong = None, None
    went_on = time.monotonic()

    def all_go_on() -> None:
        nonlocal went_on
        if time.monotonic() - went_on >= APART_SECONDS:
            group.broadcast_object(True)
            go_on()
            went_on = time.monotonic()

    if group.is_rank0:
        try:
            made = make(all_go_on)
        except (NotANumber, OrderRejected) as error:
            wrong = error
        group.broadcast_object(False)
    else:
        while group.broadcast_object(False):
            go_on()
    wrong = group.broadcast_object(wrong)
    if wrong is not None:
        raise wrong
    return made
