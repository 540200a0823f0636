"""Processes that have torch and the model's libraries from the start: a server imports them once, and forks.

A fresh interpreter takes 2.5 s of CPU to import torch, 5 s with those libraries, and these tests start some 60 ranks.
The server is the standard library's; nothing that it imports starts a thread or makes a tensor before it forks.
"""

from __future__ import annotations

import functools
import multiprocessing as mp
import os
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest.mock import patch

_PACKAGE = Path(__file__).parents[2]
_IMPORTED = ["pytest", "pipeline.ranks", "pipeline.demo.engine", "pipeline.infinitetalk.engine"]


@functools.cache
def forked() -> ForkServerContext:
    """Where to make processes from; the server ends with this process."""
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    # It looks for modules on the path it is started with; and numpy's BLAS starts threads if it may have more than one.
    with patch.dict(os.environ, PYTHONPATH=str(_PACKAGE), OMP_NUM_THREADS="1"):
        forkserver.ensure_running()
    return context
