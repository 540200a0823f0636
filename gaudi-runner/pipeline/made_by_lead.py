"""What rank 0 makes alone, however long it takes, while the others show that they live."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.control import BEAT_SECONDS
from pipeline.engine import GoOn
from pipeline.finite import NotANumber
from pipeline.group import Group
from pipeline.order import OrderRejected

T = TypeVar("T")

# What rank 0 meets and every rank raises, by the name that is sent.
SHARED_ERRORS = {error.__name__: error for error in (NotANumber, OrderRejected)}

# More beats are not sent. Agreed at each of the demo's pieces, of 0.05 s, a video took 5 % longer on busy cores.
APART_SECONDS = BEAT_SECONDS


def made_by_lead(group: Group, make: Callable[[GoOn], T], go_on: GoOn) -> T | None:
    """What rank 0 makes, None on the others; collective.

    Waiting for it in a collective, no rank could show that it lives, or leave. So `make` is given a function to call
    after each piece of work, which a few times a second has all ranks `go_on` together: a beat each, and the job's end
    where it is to stop.

    Numbers or an input that turn out bad are raised by every rank alike, before anything of them reaches another rank.
    """
    made: T | None = None
    wrong: NotANumber | OrderRejected | None = None
    went_on = time.monotonic()

    def all_go_on() -> None:
        nonlocal went_on
        if time.monotonic() - went_on >= APART_SECONDS:
            group.agree(True)
            go_on()
            went_on = time.monotonic()

    if group.leads:
        try:
            made = make(all_go_on)
        except (NotANumber, OrderRejected) as error:
            wrong = error
        group.agree(False)
    else:
        while group.agree(False):
            go_on()
    told = group.agree((type(wrong).__name__, str(wrong)) if wrong is not None else None)
    if told is not None:
        name, message = told
        raise wrong or SHARED_ERRORS[name](message)
    return made
