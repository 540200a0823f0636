"""The line to the runner: one JSON object a line over its Unix socket.

Every rank connects, says hello and beats; only rank 0 is spoken to. The runner's side is `rank-protocol.ts`.
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time
from collections import deque
from typing import Any, Literal

BEAT_SECONDS = 0.25


class RunnerGone(ConnectionError):
    """The runner closed its socket: leave."""


class Control:
    """One rank's connection. Sending is safe from any thread; receiving belongs to the working thread."""

    def __init__(self, path: str, rank: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._sending = threading.Lock()
        self.rank = rank
        self._last_beat = 0.0
        self._unfinished = b""
        self._inbox: deque[dict[str, Any]] = deque()
        self._closed = False
        self.send("hello", rank=rank, pid=os.getpid())

    def send(self, type: str, **fields: object) -> None:
        """Send one message; the runner's end being closed is noticed where we receive."""
        line = json.dumps({"type": type, **fields}, allow_nan=False).encode() + b"\n"
        with self._sending:
            try:
                self._socket.sendall(line)
            except OSError:
                self._closed = True

    def beat(self) -> None:
        """Show that the working thread works; called as often as one likes, sent a few times a second."""
        now = time.monotonic()
        if now - self._last_beat >= BEAT_SECONDS:
            self._last_beat = now
            self.send("beat", rank=self.rank)

    def next_message(self, timeout: float) -> dict[str, Any] | None:
        """The oldest message not yet taken, or None if there is none within `timeout` seconds."""
        if not self._inbox:
            self._receive(timeout)
        return self._inbox.popleft() if self._inbox else None

    def asked_to_abort(self, job: str) -> Literal["now", "after_chunk"] | None:
        """Whether an abort of this job has come, and whether it lets the running chunk finish; never waits."""
        self._receive(0)
        asked = [message for message in self._inbox if message["type"] == "abort" and message["job"] == job]
        for message in asked:
            self._inbox.remove(message)
        if not asked:
            return None
        return "after_chunk" if all(message.get("after_chunk") for message in asked) else "now"

    def _receive(self, timeout: float) -> None:
        if not self._closed and select.select([self._socket], [], [], timeout)[0]:
            received = self._socket.recv(1 << 16)
            self._closed = received == b""
            *lines, self._unfinished = (self._unfinished + received).split(b"\n")
            self._inbox.extend(json.loads(line) for line in lines)
        if self._closed:
            raise RunnerGone
