"""Numbers that stopped being finite end a job where they appear: everything made from them would be noise."""

from __future__ import annotations

from torch import Tensor


class NotANumber(ArithmeticError):
    """A tensor stopped being finite; says which, of which chunk and step."""


def finite(tensor: Tensor, name: str) -> Tensor:
    """Give the tensor back, or raise NotANumber: `name` with its verb, "the latent is"."""
    # One NaN or infinity is in the sum, which takes a third of the time of looking at each.
    if not tensor.float().sum().isfinite():
        raise NotANumber(f"{name} not finite")
    return tensor
