"""Chunk k becomes files while chunk k + 1 is denoised."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.order import Order
from pipeline.pictures.segment import SegmentWriter
from pipeline.state.checkpoint import state_name, write_checkpoint
from pipeline.state.digest import digest_of
from pipeline.stream import Chunk


class Handover:
    """Rank 0's second thread: colour correction, encoding, checksums. Holds one chunk at a time.

    As a context manager it leaves nothing running: an error or an abort ends the encoder and drops its files.
    """

    def __init__(
        self,
        directory: Path,
        order: Order,
        identity: dict[str, Any],
        colour_strength: float,
        announce: Callable[..., None],
        beat: Callable[[], None],
    ) -> None:
        self._directory, self._order, self._identity = directory, order, identity
        self._colour_strength, self._announce, self._beat = colour_strength, announce, beat
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="handover")
        self._working: Future[None] | None = None
        self._abandoned = threading.Event()
        self._writer: SegmentWriter | None = None

    def take(self, chunk: Chunk) -> None:
        """Start on a chunk, after the one before is done: no more than two chunks of frames are ever held."""
        self.settle()
        self._working = self._thread.submit(self._hand_over, chunk)

    def settle(self) -> None:
        """Wait until everything taken has been handed over; raises what went wrong there."""
        while self._working is not None and not wait([self._working], timeout=0.2).done:
            self._beat()
        if self._working is not None:
            self._working.result()
            self._working = None

    def settled(self) -> bool:
        """Whether everything taken has been handed over, without waiting; raises what went wrong there."""
        if self._working is not None and self._working.done():
            self.settle()
        return self._working is None

    def __enter__(self) -> Handover:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._abandoned.set()
            if self._writer is not None:
                self._writer.abandon()
        self._thread.shutdown(wait=True)
        # The other ranks hand over nothing and leave earlier: what lies in the folder is not theirs.
        for unfinished in self._directory.glob("*.part") if self._writer else ():
            unfinished.unlink()

    def _hand_over(self, chunk: Chunk) -> None:
        frames, colours = chunk.frames, chunk.colours
        assert frames is not None
        assert colours is not None
        name = f"chunk-{chunk.index:04d}"
        part = self._directory / f"{name}.mp4.part"
        self._writer = SegmentWriter(part, self._order.width, self._order.height, self._order.fps)
        if self._abandoned.is_set():
            self._writer.abandon()
        try:
            count = self._writer.write(
                colours.correct(frame, self._colour_strength)
                for frame in frames.unbind(1)
                if not self._abandoned.is_set()
            )
        except RuntimeError:
            if self._abandoned.is_set():
                return
            raise
        if self._abandoned.is_set():
            return
        state = self._directory / f"{state_name(chunk.index)}.part"
        write_checkpoint(state, chunk.state, self._identity)
        self._announce(
            "chunk",
            index=chunk.index,
            frames=count,
            segment=_publish(part, f"{name}.mp4"),
            state=_publish(state, state_name(chunk.index)),
        )


def _publish(part: Path, name: str) -> dict[str, object]:
    """Give a complete file its name, and have it on the disk before it has one: a power cut leaves all or nothing."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    digest, size = digest_of(part), part.stat().st_size
    part.rename(part.with_name(name))
    return {"name": name, "bytes": size, "sha256": digest}
