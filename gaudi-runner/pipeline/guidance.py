"""Time steps, and how several forward passes become one velocity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pipeline.engine import Denoiser, Pass
from pipeline.order import Order

BOTH = Pass(prompt=True, voices=True)
VOICES = Pass(prompt=False, voices=True)
PROMPT = Pass(prompt=True, voices=False)
NEITHER = Pass(prompt=False, voices=False)


def timesteps(steps: int, shift: float) -> list[float]:
    """Times from 1000 down to 0, `steps` + 1 of them; a larger shift stays longer in the noise."""
    even = np.append(np.linspace(1000, 1, steps, dtype=np.float32), np.float32(0)) / 1000
    return [float(t) for t in 1000 * shift * even / (1 + (shift - 1) * even)]


@dataclass(frozen=True)
class Sampling:
    """How a chunk is sampled."""

    steps: int
    shift: float
    guide_scale: float
    audio_guide_scale: float

    @classmethod
    def of(cls, order: Order) -> Sampling:
        """Take from an order what a step needs of it."""
        return cls(order.steps, order.shift, order.guide_scale, order.audio_guide_scale)

    @property
    def passes(self) -> int:
        """Forward passes of a step. The reference runs two where both guides are 1, though the second has no effect."""
        if self.guide_scale != 1:
            return 3
        return 1 if self.audio_guide_scale == 1 else 2


def guided_velocity(denoiser: Denoiser, sampling: Sampling, latent: Tensor, t: float) -> Tensor:
    """Run the passes that the guides ask for and combine them, [C,T,h,w]. Reuses the memory of their results.

    Classifier-free guidance without memory: with its latent, a step needs nothing else of those before it.
    """
    text, audio = sampling.guide_scale, sampling.audio_guide_scale
    conditional = denoiser(latent, t, BOTH)
    if sampling.passes == 1:
        return conditional
    if sampling.passes == 2:
        silent = denoiser(latent, t, PROMPT)
        return conditional.sub_(silent).mul_(audio).add_(silent)
    negative = denoiser(latent, t, VOICES)
    null = denoiser(latent, t, NEITHER)
    conditional.sub_(negative).mul_(text)
    negative.sub_(null).mul_(audio)
    return null.add_(conditional).add_(negative)
