"""Real ranks for a test: processes joined by gloo, ended when the test ends, whatever happens in it."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from pipeline.rank.group import Group, join_ranks
from support.forked import forked
from support.start_ranks import LOOPBACK

DEADLINE_SECONDS = 300


def on_ranks(sizes: tuple[int, ...], work: Callable[..., object], argument: object) -> dict[int, list[Any]]:
    """work(group, argument) on groups of each of these sizes: what it returned, by size and rank.

    The processes are started once, as many as the largest group has: starting them is what takes time."""
    context = forked()
    processes, waiting = [], {}
    results: dict[int, dict[int, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for rank in range(max(sizes)):
                reader, writer = context.Pipe(duplex=False)
                process = context.Process(target=_rank, args=(folder, rank, sizes, writer, work, argument), daemon=True)
                process.start()
                writer.close()
                processes.append(process)
                waiting[reader] = rank
            deadline = time.monotonic() + DEADLINE_SECONDS
            while waiting:
                ready = wait(list(waiting), deadline - time.monotonic())
                if not ready:
                    raise TimeoutError(f"ranks {sorted(waiting.values())} did not answer")
                for pipe in ready:
                    rank = waiting.pop(pipe)
                    answer = pipe.recv()  # EOFError: the rank died without a word
                    if isinstance(answer, str):
                        raise AssertionError(f"rank {rank}: {answer}")
                    results[rank] = answer
        finally:
            for process in processes:
                process.kill()
                process.join()
    return {size: [results[rank][size] for rank in range(size)] for size in sizes}


def _rank(
    folder: str, rank: int, sizes: tuple[int, ...], pipe: Connection, work: Callable[..., object], argument: object
) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = LOOPBACK
    try:
        results = {}
        for size in sizes:
            if rank < size:
                store = Path(folder) / f"ranks-{size}"
                os.environ.update(RANK=str(rank), WORLD_SIZE=str(size), RANKS_STORE=str(store))
                join_ranks("gloo")
                results[size] = work(Group(), argument)
                dist.barrier()  # leaving early would cut the connections that others still use
                dist.destroy_process_group()
        pipe.send(results)
    except Exception:
        pipe.send(traceback.format_exc())
