"""Real ranks and a runner's end of the control socket, for a test; ended when the test ends."""

from __future__ import annotations

import hashlib
import json
import queue
import shutil
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Any

from support.start_ranks import ForkedRank, RankStart, command_rank


class RankGroup:
    def __init__(
        self,
        ranks: int,
        engine: tuple[str, ...] = ("demo",),
        *,
        started: Iterable[int] | None = None,
        by_command: bool = False,
    ) -> None:
        """So many ranks, of which perhaps only some are `started`; forked, which is quick, or `by_command`."""
        self.ranks = ranks
        self._started = range(ranks) if started is None else started
        self._engine = engine  # its name, and its further arguments
        self._start = command_rank if by_command else ForkedRank
        self.pids: dict[int, int] = {}  # of ranks that have said hello
        self.received: list[dict[str, Any]] = []
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._rank0: socket.socket | None = None

    def __enter__(self) -> RankGroup:
        self.folder = Path(tempfile.mkdtemp())
        path = str(self.folder / "control.sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        arguments = ("--control", path, "--engine", *self._engine)
        self._processes = [self._start(RankStart(rank, self.ranks, self.folder, arguments)) for rank in self._started]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._listener.close()
        shutil.rmtree(self.folder)

    def wait(self, seconds: float) -> list[int]:
        """How every rank ended, once all have."""
        deadline = time.monotonic() + seconds
        return [process.wait(deadline - time.monotonic()) for process in self._processes]

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

    def assert_private(self) -> None:
        """See that nobody else can speak to the ranks from another host, or read or write where they meet."""
        assert {host for pid in self.pids.values() for host in listening(pid)} == {"127.0.0.1"}
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (self.folder, self.folder / "store")]
        assert modes == [0o700, 0o600]

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


def listening(pid: int) -> list[str]:
    """Addresses at which a process waits for TCP connections; those of IPv6 as the kernel writes them."""
    hosts = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            host, _, _ = local.partition(":")
            if state == "0A":
                hosts[f"socket:[{rest[5]}]"] = str(IPv4Address(bytes.fromhex(host)[::-1])) if table == "tcp" else host
    opened = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    return [hosts[name] for name in opened if name in hosts]


def digests(directory: Path, suffix: str = "mp4") -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.glob(f"chunk-*.{suffix}"))]


def messages_of(group: RankGroup, job: str, type: str) -> list[dict]:
    return [message for message in group.received if message.get("job") == job and message["type"] == type]
