"""What ranks hand each other."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
import torch.distributed.distributed_c10d as c10d

from pipeline.rank.group import Group
from support.gloo import on_ranks


def exchange(group: Group, values: list[Any]) -> list[Any]:
    """What this rank has of rank 0's values and tensor, where pickle cannot be used."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("pickled")

    c10d._pickler = c10d._unpickler = refuse
    shared = [group.broadcast_object(value if group.is_rank0 else "another's") for value in values]
    sent = torch.arange(6, dtype=torch.bfloat16).view(2, 3) if group.is_rank0 else None
    received = group.broadcast(sent)
    return [shared, str(received.dtype), received.tolist()]


def test_ranks_agree_on_values_and_tensors_without_pickle() -> None:
    values = [True, None, 3, "größer", ["a", 1.5], {"type": "render", "order": {"prompt": "x" * 20_000}}, [], ""]
    (rank0, other) = on_ranks((2,), exchange, values)[2]
    assert rank0 == other == [values, "torch.bfloat16", [[0, 1, 2], [3, 4, 5]]]
