"""What values from outside may be: each field of a dataclass is annotated with its rule; `checked` holds them to it.

steps: Annotated[int, whole(1, 100)]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


class Broken(ValueError):
    """Values break their rules; the message names every one of them."""


@dataclass(frozen=True)
class Rule:
    """`read` gives the value back as its type, or raises TypeError or ValueError; `words` say what it takes.

    `edges`: the lowest and the highest that it takes, where it has them.
    """

    words: str
    read: Callable[[Any], Any]
    edges: tuple[float, ...] = ()


def whole(lowest: int, highest: int, step: int = 1) -> Rule:
    """Take a whole number. One that came as a float is taken: JSON and protobuf's Struct know no other numbers."""

    def read(value: object) -> int:
        number = _number(value)
        if not number.is_integer() or not lowest <= number <= highest or number % step:
            raise ValueError
        return int(number)

    steps = f", a multiple of {step}" if step > 1 else ""
    return Rule(f"a whole number from {lowest} to {highest}{steps}", read, (lowest, highest))


def real(lowest: float, highest: float, *, above: bool = False) -> Rule:
    """Take a number from `lowest`, or greater than it, up to `highest`."""

    def read(value: object) -> float:
        number = _number(value)
        if not lowest <= number <= highest or (above and number == lowest):
            raise ValueError
        return number

    words = f"greater than {lowest}, up to {highest}" if above else f"from {lowest} to {highest}"
    return Rule(f"a number {words}", read, (lowest, highest))


def text(longest: int) -> Rule:
    """Take a text of so many characters at most."""

    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise ValueError
        value.encode()  # half of a surrogate pair is no text: UnicodeEncodeError, a ValueError
        return value

    return Rule(f"a text of at most {longest} characters", read)


def one_of(*words: str) -> Rule:
    """Take one of these words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError
        return value

    return Rule(" or ".join(words), read)


def flag() -> Rule:
    """Take a truth value."""

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise TypeError
        return value

    return Rule("true or false", read)


def list_of(kind: type, most: int) -> Rule:
    """Take a list of at most so many objects of a dataclass whose fields have rules."""

    def check(value: object) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError
        return [checked(kind, each) for each in value]

    return Rule(f"a list of at most {most} objects of {', '.join(rules_of(kind))}", check)


def rules_of(kind: type) -> dict[str, Rule]:
    """Give the rules of a dataclass by the names of its fields."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(kind, include_extras=True).items()}


def checked(kind: type[T], values: object) -> T:
    """Make a dataclass of the values that came for its fields; all mistakes at once. Raises Broken."""
    rules = rules_of(kind)
    if not isinstance(values, dict):
        raise Broken(f"an object of {', '.join(rules)} is wanted")
    missing, unknown = rules.keys() - values.keys(), values.keys() - rules.keys()
    if missing or unknown:
        raise Broken(f"lacks {sorted(missing)} and has unknown {sorted(unknown)}")
    given: dict[str, Any] = {}
    wrong = []
    for name, rule in rules.items():
        try:
            given[name] = rule.read(values[name])
        except (TypeError, ValueError, OverflowError):
            wrong.append(f"{name} must be {rule.words}; it was {_shown(values[name])}")
    if wrong:
        raise Broken("; ".join(wrong))
    return kind(**given)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    number = float(value)  # OverflowError for an integer beyond all floats
    if not math.isfinite(number):
        raise ValueError
    return number


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
