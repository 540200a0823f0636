"""Starts ranks as the runner does (`rank-command.ts`): a process each, which meet in a file of this launch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def start_rank(rank: int, ranks: int, folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """One of so many ranks, whose launch has this folder to itself."""
    own = {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "RANKS_STORE": str(folder / "store"),
        "GLOO_SOCKET_IFNAME": LOOPBACK,
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=PACKAGE, env={**os.environ, **own, **environment}, stdin=subprocess.DEVNULL
    )
