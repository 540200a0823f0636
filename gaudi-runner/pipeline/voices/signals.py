"""Voices as signals that are read where they are needed: how long they last does not matter to memory."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.engine import Signal
from pipeline.order import OrderRejected

SAMPLE_RATE = 16_000
BLOCK = 10 * SAMPLE_RATE


def blocks(signal: Signal) -> Iterator[np.ndarray]:
    """Yield the whole signal, ten seconds at a time."""
    for start in range(0, signal.samples, BLOCK):
        yield signal.read(start, min(start + BLOCK, signal.samples))


class Sound:
    """A signal held in memory."""

    def __init__(self, samples: np.ndarray) -> None:
        self._sound, self.samples = samples, samples.size

    def read(self, start: int, stop: int) -> np.ndarray:
        """Cut it out, silence around it."""
        inside = self._sound[max(start, 0) : max(stop, 0)]
        return _within(inside, start, stop)


class WavFile:
    """A 16 kHz mono 16 bit WAV file. Raises OrderRejected where it is not one."""

    def __init__(self, path: Path) -> None:
        self._path, self.samples = path, 0
        try:
            with wave.open(str(path)) as file:
                form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
                # Counted, for a header may promise more.
                while pcm := file.readframes(BLOCK) if form == (SAMPLE_RATE, 1, 2) else b"":
                    self.samples += len(pcm) // 2
        except (wave.Error, EOFError) as error:
            raise OrderRejected(f"{path.name} is not a WAV file: {error}", "voice_unreadable") from error
        if form != (SAMPLE_RATE, 1, 2):
            rate, channels, width = form
            raise OrderRejected(
                f"{path.name} has {rate} Hz, {channels} channels of {8 * width} bit, not 16000 Hz mono 16 bit",
                "voice_unreadable",
            )
        if self.samples == 0:
            raise OrderRejected(f"{path.name} holds no sound", "voice_silent")

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read from the file, silence around it."""
        first, last = min(max(start, 0), self.samples), min(max(stop, 0), self.samples)
        with wave.open(str(self._path)) as file:
            file.setpos(first)
            pcm = file.readframes(last - first) if last > first else b""
        return _within(np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32768, start, stop)


@dataclass(frozen=True)
class PlacedVoice:
    """A voice within the video's sound: made so much louder, beginning at a sample, silence around it."""

    voice: Signal
    gain: float
    start: int
    samples: int  # of the whole sound

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read the voice where it is heard."""
        return self.voice.read(start - self.start, stop - self.start) * self.gain


def place_voices(voices: list[Signal], gains: list[float], mode: Literal["add", "para"]) -> list[PlacedVoice]:
    """Signals of equal length, one per person: one after the other, or at once with the shorter padded with silence."""
    lengths = [voice.samples for voice in voices]
    if mode == "para":
        return [PlacedVoice(voice, gain, 0, max(lengths)) for voice, gain in zip(voices, gains, strict=True)]
    return [
        PlacedVoice(voice, gain, sum(lengths[:person]), sum(lengths))
        for person, (voice, gain) in enumerate(zip(voices, gains, strict=True))
    ]


def _within(inside: np.ndarray, start: int, stop: int) -> np.ndarray:
    before = min(max(-start, 0), stop - start)
    return np.pad(inside, (before, stop - start - before - inside.size))
