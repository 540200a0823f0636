"""Numbers that stopped being finite end a job where they appear: everything made from them would be noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from pipeline.group import Group
from pipeline.order import OrderRejected

T = TypeVar("T")


class NotANumber(ArithmeticError):
    """A tensor stopped being finite; says which, of which chunk and step."""


def finite(tensor: Tensor, name: str) -> Tensor:
    """Give the tensor back, or raise NotANumber: `name` with its verb, "the latent is"."""
    # One NaN or infinity is in the sum, which takes a third of the time of looking at each.
    if not tensor.float().sum().isfinite():
        raise NotANumber(f"{name} not finite")
    return tensor


def made_by_lead(group: Group, make: Callable[[], T]) -> T | None:
    """What rank 0 makes, None on the others; collective.

    Numbers or an input that turn out bad are raised by every rank alike, before anything of them reaches another rank.
    """
    made, wrong = None, None
    if group.leads:
        try:
            made = make()
        except (NotANumber, OrderRejected) as error:
            wrong = error
    wrong = group.agree(wrong)
    if wrong is not None:
        raise wrong
    return made
