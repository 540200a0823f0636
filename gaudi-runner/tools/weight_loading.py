"""What loading the transformer takes of the host, on as many ranks as there are: memory and time, measured.

    python -m pipeline.infinitetalk.weight_loading FOLDER

Alone, it writes 2.3 GB of weights in the published layout. On every rank, as `join_ranks` wants them started, it loads
them on a CPU in the files' own type, and rank 0 prints one JSON object as the last line. `npm run bench -- weights`
does both and removes the folder.

Memory is the growth of each rank's proportional set size (PSS) from before it loads to its peak, summed over the
ranks. A page that one rank has counts whole, one of the files' pages that eight map an eighth in each: so the sum
is what the ranks hold of the host together, page cache included as far as they use it. One copy of the weights cannot
be less there; eight private copies would be eight. On a card the host holds no weights: each tensor is a view of the
mapped file until it has been copied to the card.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import torch
import torch.distributed as dist

from pipeline.infinitetalk.model import Transformer, TransformerConfig
from pipeline.infinitetalk.weights.config_file import read_config
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import Variant, check_weights
from pipeline.rank.group import Group, join_ranks
from tools.tiny_checkpoint import write_transformer

# A twelfth of the published model; the audio layers' first projections are as large as there.
SIZES = TransformerConfig(dim=1280, ffn_dim=3456, num_heads=16, num_layers=16, text_dim=1024)
BLOCK = 16 << 20
SAMPLE_SECONDS = 0.05


def main() -> None:
    """Write the weights where this is no rank, else load them."""
    parser = argparse.ArgumentParser(prog="pipeline.infinitetalk.weight_loading")
    parser.add_argument("folder", type=Path)
    folder = ModelFolder(parser.parse_args().folder)
    torch.set_num_threads(1)
    if "RANK" not in os.environ:
        folder.base.mkdir(parents=True)
        write_transformer(folder, SIZES)
        return
    join_ranks("gloo")
    measured = measure(folder, Group())
    if measured is not None:
        print(json.dumps(measured))
    dist.barrier()  # leaving early would cut the connections that others still use
    dist.destroy_process_group()


def measure(folder: ModelFolder, group: Group) -> dict[str, float] | None:
    """Load on all ranks, after a plain read of the same files by one, both from a cold page cache.

    Collective; what it took, on rank 0.
    """
    files = [*folder.shards(), folder.adapter(1)]
    plain = _seconds_of_plain_read(files) if group.is_rank0 else 0.0
    if group.is_rank0:
        _forget(files)
    model = Transformer.on_meta(read_config(folder.config), group)
    dist.barrier()
    began = time.monotonic()
    with Peak() as peak:
        check_weights(model, folder).place(model, Variant(), None, torch.device("cpu"), torch.float32)
        placed = time.monotonic() - began
        for parameter in model.parameters():
            parameter.sum()  # as a forward pass would: only now its pages are there
        peak.look()
    dist.barrier()
    seconds = time.monotonic() - began
    grown: list[int] = [0] * group.size
    dist.all_gather_object(grown, peak.grown)
    if not group.is_rank0:
        return None
    size = sum(path.stat().st_size for path in files)
    return {
        "ranks": group.size,
        "weights_bytes": size,
        "host_bytes": int(grown.sum()),
        "plain_read_seconds": plain,
        "placed_seconds": placed,
        "load_seconds": seconds,
    }


class Peak:
    """The largest growth of this process's PSS while the block runs, in bytes."""

    def __enter__(self) -> Peak:
        self._before, self.grown = pss(), 0
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._sampler.join()

    def look(self) -> None:
        """Sample now."""
        self.grown = max(self.grown, pss() - self._before)

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.look()


def pss() -> int:
    """Proportional set size of this process, in bytes."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/smaps_rollup has no Pss")


def _seconds_of_plain_read(files: Iterable[Path]) -> float:
    _forget(files)
    block = bytearray(BLOCK)
    began = time.monotonic()
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass
    return time.monotonic() - began


def _forget(files: Iterable[Path]) -> None:
    """Have the files' pages dropped from the page cache, so that they are read from the disk again."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


if __name__ == "__main__":
    main()
