"""What rank 0 makes alone, however long it takes, while the others show that they live."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pipeline.engine import GoOn
from pipeline.finite import NotANumber
from pipeline.group import Group
from pipeline.order import OrderRejected

T = TypeVar("T")


def made_by_lead(group: Group, make: Callable[[GoOn], T], go_on: GoOn) -> T | None:
    """What rank 0 makes, None on the others; collective.

    Waiting for it in a collective, no rank could show that it lives, or leave. So `make` is given a function to call
    after each piece of work, which has all ranks `go_on` together: a beat each, and the job's end where it is to stop.

    Numbers or an input that turn out bad are raised by every rank alike, before anything of them reaches another rank.
    """
    made, wrong = None, None

    def all_go_on() -> None:
        group.agree(True)
        go_on()

    if group.leads:
        try:
            made = make(all_go_on)
        except (NotANumber, OrderRejected) as error:
            wrong = error
        group.agree(False)
    else:
        while group.agree(False):
            go_on()
    wrong = group.agree(wrong)
    if wrong is not None:
        raise wrong
    return made
