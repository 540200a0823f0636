"""Voices: from WAV files to the windows of features that each frame is rendered from."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pipeline.order import OrderRejected

SAMPLE_RATE = 16_000
LOUDNESS_LUFS = -23.0


def read_voice(path: Path) -> np.ndarray:
    """Samples [n] in [-1, 1) of a 16 kHz mono 16 bit WAV file."""
    try:
        with wave.open(str(path)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise OrderRejected(f"{path.name} is not a WAV file: {error}") from error
    if (rate, channels, width) != (SAMPLE_RATE, 1, 2):
        raise OrderRejected(
            f"{path.name} has {rate} Hz, {channels} channels of {8 * width} bit, not 16000 Hz mono 16 bit"
        )
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
    if samples.size == 0:
        raise OrderRejected(f"{path.name} holds no sound")
    return samples.astype(np.float64) / 32768


def normalize_loudness(samples: np.ndarray) -> np.ndarray:
    """Bring a voice to -23 LUFS (BS.1770); near silence, and what is shorter than the meter's 0.4 s block, stays."""
    if samples.size < 0.4 * SAMPLE_RATE:
        return samples
    import pyloudnorm  # brings much of scipy, 2.5 s of work: for rank 0 only

    loudness = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(samples)
    if not abs(loudness) <= 100:  # silence measures minus infinity
        return samples
    return samples * 10 ** ((LOUDNESS_LUFS - loudness) / 20)


def place_voices(voices: list[np.ndarray], mode: Literal["add", "para"]) -> list[np.ndarray]:
    """Signals of equal length, one per person: one after the other, or at once with the shorter padded with silence."""
    if mode == "para":
        length = max(voice.size for voice in voices)
        return [np.pad(voice, (0, length - voice.size)) for voice in voices]
    length = sum(voice.size for voice in voices)
    starts = np.cumsum([0] + [voice.size for voice in voices])
    return [
        np.pad(voice, (start, length - start - voice.size)) for voice, start in zip(voices, starts[:-1], strict=True)
    ]


def frame_count(samples: int, fps: int) -> int:
    """Whole frames that fit in so many samples; at least one."""
    return max(1, samples * fps // SAMPLE_RATE)


def chunk_windows(embedding: Tensor, start: int, frames: int) -> Tensor:
    """Each frame of a chunk with two neighbours on either side, [F, 5, layers, d], of an embedding [L, layers, d].

    Beyond the sound's end the reference mirrors the embedding, only in the last chunk of several: by its own last
    end - L + 3 frames, the 3 covering the window (facts: pipeline 2.3). Elsewhere the ends repeat.
    """
    length, end = embedding.shape[0], start + frames
    if start > 0 and end >= length:
        embedding = torch.cat([embedding, embedding[-(end - length + 3) :].flip(0)])
    index = torch.arange(start, end)[:, None] + torch.arange(-2, 3)
    return embedding[index.clamp(0, embedding.shape[0] - 1)]
