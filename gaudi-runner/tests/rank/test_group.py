"""A rank that is left alone says so, whichever collective it waits in."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from pipeline.rank.group import Group, PeerLost, among_peers
from support.forked import forked

COLLECTIVES: dict[str, Callable[[Group], object]] = {
    "broadcast_object": lambda group: group.broadcast_object("value"),
    "broadcast": lambda group: group.broadcast(torch.ones(3)),
    "gather": lambda group: group.gather(torch.ones(2, 3), dim=0, gathered=4),
    "all_to_all": lambda group: group.all_to_all(torch.ones(2, 4), scatter=1, gather=0, gathered=4),
}


def join_and_leave(rank: int, store: Path, other_gone: Connection, told: Connection) -> None:
    """Rank 1 ends as soon as both have joined; rank 0 then says what each collective raises."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    group = Group()
    if rank == 1:
        os._exit(0)
    other_gone.recv()
    raised = {}
    for name, collective in COLLECTIVES.items():
        try:
            for _ in range(3):  # what fits the socket's buffer is sent to nobody without a word
                collective(group)
        except PeerLost as error:
            raised[name] = str(error)
    told.send(raised)
    os._exit(0)


def test_a_lost_peer_is_told_by_every_collective(tmp_path: Path) -> None:
    context = forked()
    (go_reader, go), (reader, told) = context.Pipe(duplex=False), context.Pipe(duplex=False)
    pair = [
        context.Process(target=join_and_leave, args=(rank, tmp_path / "store", go_reader, told), daemon=True)
        for rank in range(2)
    ]
    try:
        for process in pair:
            process.start()
        pair[1].join(120)
        assert pair[1].exitcode == 0
        go.send(True)
        assert reader.poll(60)
        assert reader.recv().keys() == COLLECTIVES.keys()
    finally:
        for process in pair:
            process.kill()
            process.join()


def test_full_memory_is_no_lost_peer() -> None:
    with pytest.raises(torch.OutOfMemoryError), among_peers():
        raise torch.OutOfMemoryError("full")
