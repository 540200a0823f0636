"""An order's settings: each rule takes what the table says, and refuses the rest by name."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from pipeline.guidance import Sampling
from pipeline.order import Order, OrderRejected
from pipeline.rules import rules_of
from support.orders import CASES, order


def written_out(case: object) -> object:
    """A long text stands in the table as what it repeats."""
    return case["repeat"] * case["times"] if isinstance(case, dict) and "repeat" in case else case


def cases(*kinds: str) -> list[tuple[str, object]]:
    return [(name, written_out(case)) for name in CASES for kind in kinds for case in CASES[name].get(kind, [])]


def short(value: object) -> str:
    return repr(value)[:30]


def test_the_table_has_every_setting_and_its_bounds() -> None:
    assert set(CASES) == set(rules_of(Order))
    for name, rule in rules_of(Order).items():
        if rule.edges:
            lowest, highest = rule.edges
            taken = CASES[name]["valid"]
            refused = CASES[name]["invalid"] + [asked for asked, _ in CASES[name].get("settled", [])]
            assert highest in taken
            assert max(refused) > highest
            assert (lowest in taken and min(refused) < lowest) or (lowest in refused and min(taken) > lowest)


@pytest.mark.parametrize(("name", "value"), cases("valid"), ids=short)
def test_what_the_service_takes_is_taken_as_it_is(name: str, value: object) -> None:
    assert asdict(Order.read(order(**{name: value})))[name] == value


@pytest.mark.parametrize(("name", "value"), cases("invalid"), ids=short)
def test_what_the_service_refuses_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(OrderRejected, match=f"the order is wrong: {name} must be"):
        Order.read(order(**{name: value}))


@pytest.mark.parametrize(("name", "settled"), cases("settled"), ids=short)
def test_what_is_settled_before_comes_settled(name: str, settled: list) -> None:
    asked, given = settled
    with pytest.raises(OrderRejected, match=f"{name} must be"):
        Order.read(order(**{name: asked}))
    if given is not None:
        assert getattr(Order.read(order(**{name: given})), name) == given


@pytest.mark.parametrize("name", [name for name, rule in rules_of(Order).items() if rule.edges])
@pytest.mark.parametrize("value", ["4", None, True, [], {}, float("nan"), float("inf"), 10**400], ids=short)
def test_no_other_type_passes_for_a_number(name: str, value: object) -> None:
    with pytest.raises(OrderRejected, match=f"{name} must be"):
        Order.read(order(**{name: value}))


def test_whole_numbers_that_came_as_doubles_are_whole_to_the_last_digit() -> None:
    read = Order.read(order(seed=4294967295.0, steps=50.0, first_chunk=3.0))
    assert (repr(read.seed), repr(read.steps), repr(read.first_chunk)) == ("4294967295", "50", "3")


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(OrderRejected, match="prompt must be"):
        Order.read(order(prompt="\ud83d"))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(OrderRejected, match=r"fps must be .*; steps must be a whole number from 1 to 100; it was 0$"):
        Order.read(order(fps=0, steps=0))
    wrong = order(stepps=4)
    del wrong["steps"], wrong["seed"]
    with pytest.raises(OrderRejected, match=r"lacks \['seed', 'steps'\] and has unknown \['stepps'\]"):
        Order.read(wrong)
    with pytest.raises(OrderRejected, match=r"prompt must be a text of at most 4000 characters; it was 'p{39}…$"):
        Order.read(order(prompt="p" * 5000))


def test_a_step_takes_from_an_order_what_has_its_name() -> None:
    read = Order.read(order(steps=7, shift=3.5, guide_scale=4.5, audio_guide_scale=2.5))
    sampling = Sampling.of(read)
    assert asdict(sampling).items() >= {"steps": 7, "shift": 3.5, "guide_scale": 4.5, "audio_guide_scale": 2.5}.items()
