"""How loud a voice is, measured a block at a time, and what brings it to the level that the model was trained at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np

from pipeline.engine import Signal
from pipeline.voices.signals import BLOCK, SAMPLE_RATE

LOUDNESS_LUFS = -23.0
_GATED_SECONDS, _STEP = 0.4, 0.25  # of BS.1770: blocks of 0.4 s, each a quarter of that after the one before
_RESPONSE = 1 << 12  # samples that a sample is heard in, once weighted


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
    seconds = signal.samples / SAMPLE_RATE
    count = int(np.round((seconds - _GATED_SECONDS) / (_GATED_SECONDS * _STEP)) + 1)
    # The meter's own bounds, rounding and all; the last block may end with the signal.
    starts = [int(_GATED_SECONDS * (j * _STEP) * SAMPLE_RATE) for j in range(count)]
    ends = [int(_GATED_SECONDS * (j * _STEP + 1) * SAMPLE_RATE) for j in range(count)]
    powers = np.zeros(count)
    heard, first, done, filtered_to = np.zeros(0), 0, 0, 0
    for block in _k_weighted(signal):
        filtered_to += block.size
        heard = np.concatenate([heard, block])
        while done < count and (ends[done] <= filtered_to or filtered_to == signal.samples):
            window = heard[starts[done] - first : ends[done] - first]
            powers[done] = np.sum(np.square(window)) / (_GATED_SECONDS * SAMPLE_RATE)
            done += 1
        if done < count:
            heard, first = heard[starts[done] - first :], starts[done]
    return powers


def _k_weighted(signal: Signal) -> Iterator[np.ndarray]:
    """Yield the signal as BS.1770 weights it, ten seconds at a time.

    By its impulse response and Fourier transforms, since an IIR filter of scipy's takes 2.2 s to import: a quarter of
    the time in which ranks start.
    """
    size = 1 << (BLOCK + _RESPONSE).bit_length()
    response = np.fft.rfft(_k_response(), size)
    for start in range(0, signal.samples, BLOCK):
        stop = min(start + BLOCK, signal.samples)
        heard = np.fft.rfft(signal.read(start - _RESPONSE, stop), size)
        yield np.fft.irfft(heard * response, size)[_RESPONSE : _RESPONSE + stop - start]


@cache
def _k_response() -> np.ndarray:
    """What the two filters of BS.1770 make of one impulse, [4096]; after that it is below 1e-20."""
    response = [1.0] + [0.0] * (_RESPONSE - 1)
    for b, a in (_shelf(1500.0, 4.0, 1 / math.sqrt(2)), _high_pass(38.0, 0.5)):
        one, two = 0.0, 0.0  # what is kept between samples (direct form II, transposed)
        for n, x in enumerate(response):
            response[n] = y = b[0] * x + one
            one, two = b[1] * x - a[1] * y + two, b[2] * x - a[2] * y
    return np.array(response)


# Biquads after R. Bristow-Johnson's Audio EQ Cookbook (W3C), as pyloudnorm has them; each b and a, a[0] being 1.


def _shelf(hertz: float, decibels: float, q: float) -> tuple[list[float], list[float]]:
    gain, w = 10 ** (decibels / 40), 2 * math.pi * hertz / SAMPLE_RATE
    cos, slope = math.cos(w), 2 * math.sqrt(gain) * math.sin(w) / (2 * q)
    more, less = gain + 1, gain - 1
    b = [gain * (more + less * cos + slope), -2 * gain * (less + more * cos), gain * (more + less * cos - slope)]
    a = [more - less * cos + slope, 2 * (less - more * cos), more - less * cos - slope]
    return [value / a[0] for value in b], [value / a[0] for value in a]


def _high_pass(hertz: float, q: float) -> tuple[list[float], list[float]]:
    w = 2 * math.pi * hertz / SAMPLE_RATE
    alpha = math.sin(w) / (2 * q)
    once = (1 + math.cos(w)) / 2
    a = [1 + alpha, -2 * math.cos(w), 1 - alpha]
    return [value / a[0] for value in (once, -2 * once, once)], [value / a[0] for value in a]


def _lufs(power: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -0.691 + 10 * np.log10(power)
