"""The ranks that hold one model: how they join, and the only file that calls collectives."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")

# Longer than any preparation on rank 0, shorter than anybody's patience: a lost peer is noticed at once anyway.
COLLECTIVE_TIMEOUT = timedelta(minutes=20)

# Those that travel, by the name that is sent.
_DTYPES = {
    str(dtype): dtype for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.uint8, torch.int64, torch.bool)
}


class PeerLost(RuntimeError):
    """Another rank has ended or cannot be reached: what that one said is what explains it."""


@contextmanager
def among_peers() -> Iterator[None]:
    """Raise PeerLost for whatever torch.distributed raises: it has no error of its own for a lost peer."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise PeerLost(str(error)) from error


def join_ranks(backend: str) -> None:
    """Join the other ranks of this launch over gloo, hccl or nccl; returns when all are there. PeerLost.

    RANK and WORLD_SIZE say which rank this is of how many. They meet in a file, RANKS_STORE, of this launch alone, in a
    folder that only this user may enter: what is read in it is believed, and a store on TCP would be open to all.
    """
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    with among_peers():
        store = dist.FileStore(os.environ["RANKS_STORE"], size)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=COLLECTIVE_TIMEOUT)


class Group:
    """All ranks of the process group, or this process alone where there is none.

    Tensors travel over the default group (gloo, hccl, nccl); decisions over a gloo group of their own, so that
    agreeing to stop never waits for a device. `bytes_sent` counts what this rank has handed to others.
    """

    def __init__(self) -> None:
        together = dist.is_initialized()
        self.rank = dist.get_rank() if together else 0
        self.size = dist.get_world_size() if together else 1
        self.bytes_sent = 0
        self._decisions = dist.new_group(backend="gloo") if together else None

    @property
    def is_rank0(self) -> bool:
        """Whether this is rank 0, which prepares inputs, decides and hands results over."""
        return self.rank == 0

    def shares(self, total: int) -> list[int]:
        """How many of `total` rows each rank holds: as even as can be, the larger shares first."""
        return [total // self.size + (rank < total % self.size) for rank in range(self.size)]

    def mine(self, total: int) -> slice:
        """Which of `total` rows this rank holds."""
        shares = self.shares(total)
        start = sum(shares[: self.rank])
        return slice(start, start + shares[self.rank])

    def all_to_all(self, x: Tensor, scatter: int, gather: int, gathered: int) -> Tensor:
        """Split dimension `scatter` over the ranks and make dimension `gather` whole (`gathered` long).

        Tokens to heads before attention, heads to tokens after it (DeepSpeed-Ulysses).
        """
        if self.size == 1:
            return x
        outgoing = [part.contiguous() for part in x.split(self.shares(x.shape[scatter]), scatter)]
        shapes = []
        for share in self.shares(gathered):
            shape = list(outgoing[self.rank].shape)
            shape[gather] = share
            shapes.append(shape)
        received = [torch.Size(shape).numel() for shape in shapes]
        sent = [part.numel() for part in outgoing]
        flat = x.new_empty(sum(received))
        with among_peers():
            dist.all_to_all_single(flat, torch.cat([part.flatten() for part in outgoing]), received, sent)
        self.bytes_sent += (sum(sent) - sent[self.rank]) * x.element_size()
        return torch.cat([part.view(shape) for part, shape in zip(flat.split(received), shapes, strict=True)], gather)

    def gather(self, x: Tensor, dim: int, gathered: int) -> Tensor:
        """Every rank's part, joined along `dim` (`gathered` long), on every rank."""
        if self.size == 1:
            return x
        shares = self.shares(gathered)
        if x.shape[dim] < shares[0]:  # equal shapes are what every backend's all_gather takes
            x = torch.cat([x, x.new_zeros(*x.shape[:dim], shares[0] - x.shape[dim], *x.shape[dim + 1 :])], dim)
        parts = [torch.empty_like(x) for _ in shares]
        with among_peers():
            dist.all_gather(parts, x.contiguous())
        self.bytes_sent += x.numel() * x.element_size() * (self.size - 1)
        return torch.cat([part.narrow(dim, 0, share) for part, share in zip(parts, shares, strict=True)], dim)

    def broadcast(self, x: Tensor | None, device: torch.device | None = None) -> Tensor:
        """Rank 0's tensor, on every rank; the others pass None."""
        if self.size == 1:
            assert x is not None
            return x if device is None else x.to(device)
        shape, dtype = self.broadcast_object((list(x.shape), str(x.dtype)) if x is not None else ([], ""))
        x = x.to(device).contiguous() if x is not None else torch.empty(shape, dtype=_DTYPES[dtype], device=device)
        with among_peers():
            dist.broadcast(x, src=0)
        if self.is_rank0:
            self.bytes_sent += x.numel() * x.element_size() * (self.size - 1)
        return x

    def broadcast_object(self, value: T) -> T:
        """Rank 0's small value, on every rank: what to do next, and whether to stop. The others' own is not looked at.

        Anything that JSON holds; a tuple is a list on the others. Never pickled: what a false peer sends is not run.
        """
        if self.size == 1:
            return value
        own = torch.tensor(list(json.dumps(value).encode() if self.is_rank0 else b""), dtype=torch.uint8)
        length = torch.tensor([own.numel()])
        with among_peers():
            dist.broadcast(length, src=0, group=self._decisions)
            text = own if self.is_rank0 else torch.empty(int(length), dtype=torch.uint8)
            dist.broadcast(text, src=0, group=self._decisions)
        return value if self.is_rank0 else json.loads(bytes(text.tolist()))
