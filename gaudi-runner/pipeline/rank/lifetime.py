"""What a rank asks of the system it runs on: to end with the runner, and to keep the memory it has been given."""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def die_with_parent() -> None:
    """Have the kernel end this process with its parent: a runner that is killed can tell its ranks nothing.

    One that ended before we asked has closed its control socket, to which we cannot connect then. macOS has no such
    signal: there the closed socket ends us too.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def keep_freed_memory() -> None:
    """Have malloc reuse what tensors free instead of returning it: every step frees and takes the same sizes again.

    Measured: a third of the time of a drawn frame and a sixth of a step went to getting the same pages anew.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def give_back_freed_memory() -> None:
    """Return what a job has freed: the next one's sizes are others, and the heap would grow by what does not fit."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc
        libc.malloc_trim(0)
