"""What a rank says when it ends: a code that the runner acts on, and for operators the error's own words, explained.

The codes are those of `workflows/failures.ts`; `test/fixtures/rank-failures.json` holds both sides to the same.

The table `KNOWN` is of what Gaudi's software says in its own errors: its words alone help nobody who has not met
them before. What is not in it is passed on as it is.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

import torch

from pipeline.engine import CannotStart
from pipeline.finite import NotANumber

# Of an order, found before the first collective (`OrderRejected.code`).
REJECTIONS = (
    "reference_unreadable",
    "voice_unreadable",
    "voice_silent",
    "box_unusable",
    "order_refused",
    "not_a_number",
    "preset_not_offered",
    "checkpoint_refused",
)
# Of a rank, which ends with it.
BREAKS = ("rank_failed", "out_of_memory", "not_a_number", "disk_full", "cannot_start")

DISK_FULL = re.compile(r"no space left|enospc|disk quota exceeded", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """A failure of the hardware. `lasting`: ranks started at once would meet it again."""

    said: re.Pattern[str]
    meaning: str
    action: str
    lasting: bool


def _known(said: str, meaning: str, action: str, lasting: bool) -> Known:
    return Known(re.compile(said, re.IGNORECASE), meaning, action, lasting)


# The first that matches counts: the more particular ones come first.
KNOWN = (
    _known(
        r"device is not usable",
        "the driver has given a card up",
        "reset the card or reboot the node (dmesg and `hl-smi` name it): starting the ranks again does not help",
        lasting=True,
    ),
    _known(
        r"invalid server type|syndeviceacquire.*error: ?20",
        "the cards' network is set up for another kind of server",
        "check that the container's driver, firmware and HCL versions are those of this machine",
        lasting=True,
    ),
    _known(
        r"device acquire failed|synstatus=8\b|device not found|device already acquired",
        "a card is not there, or another process holds it",
        "look at `hl-smi` (memory in use) and at who holds /dev/accel* (`fuser -v`); end what is left of earlier runs",
        lasting=True,
    ),
    _known(
        r"out of memory|allocate memory",
        "the device's memory is full",
        "render a smaller size, or fewer people at once; `hl-smi` shows whether another process holds some of it",
        lasting=False,
    ),
    _known(
        r"graph compile failed|synlaunch failed|synstatus.{0,3}26",
        "the card's compiler or launch gave up: too little device memory, or another PT_HPU_LAZY_MODE than expected",
        "run with LOG_LEVEL_ALL_PT=1 ENABLE_CONSOLE=true to see which; PT_HPU_LAZY_MODE=1 is what is expected",
        lasting=False,
    ),
)


def known(error: Exception) -> Known | None:
    """Find what is known of an error by its words. What refuses to start in our own words is not looked up."""
    if isinstance(error, (CannotStart, NotANumber)):
        return None
    return next((each for each in KNOWN if each.said.search(str(error))), None)


def code_of(error: Exception, serving: bool) -> str:
    """Choose one of BREAKS. `serving`: the ranks had been ready."""
    if isinstance(error, CannotStart):
        return "cannot_start"
    if isinstance(error, NotANumber):
        return "not_a_number"
    text = str(error).lower()
    full = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "out of memory" in text
    if full or "allocate memory" in text:
        return "out_of_memory"
    # Of the system, or of a program like ffmpeg: no other try here can go better, but one on another node can.
    if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or DISK_FULL.search(text):
        return "disk_full"
    found = known(error)
    # The runner tries a group that cannot start again once a minute, any other at once.
    return "cannot_start" if found is not None and found.lasting and not serving else "rank_failed"


def detail_of(error: Exception) -> str:
    """Say an error in its own words, for operators, and where they are known to mean something, what and what to do."""
    if isinstance(error, CannotStart):
        return str(error)
    words = f"{type(error).__name__}: {error}"
    found = known(error)
    return (
        words if found is None else f"{words}\nThat is: {found.meaning}. {found.action[0].upper()}{found.action[1:]}."
    )
