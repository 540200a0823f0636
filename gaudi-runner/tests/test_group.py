"""What ranks hand each other."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
import torch.distributed.distributed_c10d as c10d
from infinitetalk.gloo import on_ranks

from pipeline.group import Group


def exchange(group: Group, values: list[Any]) -> list[Any]:
    """What this rank has of rank 0's values and tensor, where pickle cannot be used."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("pickled")

    c10d._pickler = c10d._unpickler = refuse
    agreed = [group.agree(value if group.leads else "another's") for value in values]
    sent = torch.arange(6, dtype=torch.bfloat16).view(2, 3) if group.leads else None
    received = group.from_lead(sent)
    return [agreed, str(received.dtype), received.tolist()]


def test_ranks_agree_on_values_and_tensors_without_pickle() -> None:
    values = [True, None, 3, "größer", ["a", 1.5], {"type": "render", "order": {"prompt": "x" * 20_000}}, [], ""]
    (lead, other) = on_ranks((2,), exchange, values)[2]
    assert lead == other == [values, "torch.bfloat16", [[0, 1, 2], [3, 4, 5]]]
