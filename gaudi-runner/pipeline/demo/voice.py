"""What the demo hears: how loud, how bright and how emphatic a voice is at each frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipeline.engine import Signal
from pipeline.voices.signals import SAMPLE_RATE

BLOCK_FRAMES = 500


def voice_features(signal: Signal, frames: int, fps: int) -> Tensor:
    """Opening of the mouth, its width and the emphasis of the head, [frames, 1, 3], each about 0 to 1."""
    edges = (np.arange(frames + 1) * SAMPLE_RATE / fps).astype(int)
    power, steepness = np.zeros(frames), np.zeros(frames)
    for first in range(0, frames, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, frames)
        at = edges[first : last + 1] - edges[first]
        heard = signal.read(edges[first] - 1, edges[last])
        power[first:last] = _means(heard[1:] ** 2, at)
        # Steepness of the wave against its size: vowels like "ee" are bright and wide, "oo" is dark and round.
        steepness[first:last] = _means(np.diff(heard) ** 2, at)
    loudness = np.sqrt(power)
    heard = loudness[loudness > 0.004]
    full = np.percentile(heard, 92) if heard.size else 1.0
    opening = np.clip(loudness / full, 0, 1.25) ** 0.8
    opening[loudness < 0.004] = 0
    brightness = np.clip(np.sqrt(steepness / (power + 1e-9)) / 0.9, 0, 1) * (opening > 0)
    features = [
        _smooth(opening, 0.55 * fps / 25),
        _smooth(brightness, 1.2 * fps / 25),
        _smooth(opening, 6.0 * fps / 25),
    ]
    return torch.from_numpy(np.stack(features, -1)).float()[:, None]


def _means(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of the values between each two edges."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[edges[1:]] - sums[edges[:-1]]) / np.diff(edges)


def _smooth(x: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean over frames; beyond either end is silence."""
    reach = int(4 * sigma + 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(x, weights / weights.sum(), mode="full")[reach : reach + x.size]
