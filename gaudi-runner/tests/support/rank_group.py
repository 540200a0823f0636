"""A torchrun group and a runner's end of the control socket, for a test; ended when the test ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PACKAGE = Path(__file__).parents[2]


class RankGroup:
    def __init__(self, ranks: int, engine: tuple[str, ...] = ("demo",), **environment: str) -> None:
        self.ranks = ranks
        self._engine = engine  # its name, and its further arguments
        self.pids: dict[int, int] = {}
        self.received: list[dict[str, Any]] = []
        self._environment = environment
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._rank0: socket.socket | None = None

    def __enter__(self) -> RankGroup:
        self._folder = Path(tempfile.mkdtemp())
        path = str(self._folder / "control.sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        command = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.ranks}"]
        self.torchrun = subprocess.Popen(
            [sys.executable, *command, "-m", "pipeline.ranks", "--control", path, "--engine", *self._engine],
            cwd=PACKAGE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **self._environment},
            stdin=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.torchrun.terminate()
        try:
            self.torchrun.wait(20)
        except subprocess.TimeoutExpired:
            self.torchrun.kill()
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._listener.close()
        shutil.rmtree(self._folder)

    def send(self, **message: object) -> None:
        deadline = time.monotonic() + 60
        while self._rank0 is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self._rank0 is not None
        self._rank0.sendall(json.dumps(message).encode() + b"\n")

    def hang_up(self) -> None:
        assert self._rank0 is not None
        self._rank0.shutdown(socket.SHUT_RDWR)

    def until(self, *types: str, seconds: float = 240) -> dict[str, Any]:
        """The next message of one of these types; what came before is kept in `heard`."""
        deadline = time.monotonic() + seconds
        while True:
            message = self._messages.get(timeout=max(0.01, deadline - time.monotonic()))
            self.received.append(message)
            if message["type"] in types:
                return message

    def render(self, job: str, directory: Path, seconds: float = 240, **order: object) -> dict[str, Any]:
        self.send(type="render", job=job, generation=1, directory=str(directory), order=order)
        return self.until("finished", "rejected", "failed", "aborted", seconds=seconds)

    def peak_kib(self, rank: int) -> int:
        """The most memory that a rank has had since it started."""
        status = Path(f"/proc/{self.pids[rank]}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: socket.socket) -> None:
        for line in connection.makefile():
            message = json.loads(line)
            if message["type"] == "hello":
                self.pids[message["rank"]] = message["pid"]
                if message["rank"] == 0:
                    self._rank0 = connection
            self._messages.put(message)


def digests(directory: Path, suffix: str = "mp4") -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.glob(f"chunk-*.{suffix}"))]


def messages_of(group: RankGroup, job: str, type: str) -> list[dict]:
    return [message for message in group.received if message.get("job") == job and message["type"] == type]
