"""How loud a voice is, measured a block at a time, and what brings it to the level that the model was trained at."""

from __future__ import annotations

import numpy as np

from pipeline.signals import SAMPLE_RATE, Signal, blocks

LOUDNESS_LUFS = -23.0
_GATED_SECONDS, _STEP = 0.4, 0.25  # of BS.1770: blocks of 0.4 s, each a quarter of that after the one before


def loudness_gain(voice: Signal) -> float:
    """What brings a voice to -23 LUFS; near silence, and what is shorter than the meter's 0.4 s block, stays."""
    if voice.samples < _GATED_SECONDS * SAMPLE_RATE:
        return 1.0
    loudness = integrated_loudness(voice)
    # Silence measures minus infinity.
    return float(10 ** ((LOUDNESS_LUFS - loudness) / 20)) if abs(loudness) <= 100 else 1.0


def integrated_loudness(signal: Signal) -> float:
    """LUFS by BS.1770, to the last digits what pyloudnorm's meter says of the whole signal at once."""
    powers = _gated_powers(signal)
    audible = powers[_lufs(powers) >= -70]
    threshold = _lufs(audible.mean()) - 10 if audible.size else np.inf
    loud = audible[(_lufs(audible) > threshold) & (_lufs(audible) > -70)]
    return float(_lufs(loud.mean())) if loud.size else -np.inf


def _gated_powers(signal: Signal) -> np.ndarray:
    """Mean square of each 0.4 s of the K-weighted signal."""
    # They bring much of scipy, 2.5 s of work: for rank 0 only.
    from pyloudnorm.iirfilter import IIRfilter
    from scipy.signal import lfilter

    shelf = IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, SAMPLE_RATE, "high_shelf")
    filters = [shelf, IIRfilter(0.0, 0.5, 38.0, SAMPLE_RATE, "high_pass")]
    states = [np.zeros(2), np.zeros(2)]
    seconds = signal.samples / SAMPLE_RATE
    count = int(np.round((seconds - _GATED_SECONDS) / (_GATED_SECONDS * _STEP)) + 1)
    # The meter's own bounds, rounding and all; the last block may end with the signal.
    starts = [int(_GATED_SECONDS * (j * _STEP) * SAMPLE_RATE) for j in range(count)]
    ends = [int(_GATED_SECONDS * (j * _STEP + 1) * SAMPLE_RATE) for j in range(count)]
    powers = np.zeros(count)
    heard, first, done, filtered_to = np.zeros(0), 0, 0, 0
    for block in blocks(signal):
        for stage, (filter_, state) in enumerate(zip(filters, states, strict=True)):
            block, states[stage] = lfilter(filter_.b, filter_.a, block, zi=state)
        filtered_to += block.size
        heard = np.concatenate([heard, block])
        while done < count and (ends[done] <= filtered_to or filtered_to == signal.samples):
            window = heard[starts[done] - first : ends[done] - first]
            powers[done] = np.sum(np.square(window)) / (_GATED_SECONDS * SAMPLE_RATE)
            done += 1
        if done < count:
            heard, first = heard[starts[done] - first :], starts[done]
    return powers


def _lufs(power: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -0.691 + 10 * np.log10(power)
