"""Time steps, and how several forward passes become one velocity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
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
    adaptive_projected: bool = False  # APG
    # The reference runs two passes where both guides are 1, though the second has no effect.
    single_pass: bool = True
    # TeaCache's threshold, 0.2 in the reference; 0 is off. Faster, other frames: not what an order can ask for.
    tea_cache: float = 0.0

    @classmethod
    def of(cls, order: Order) -> Sampling:
        """Take from an order what a step needs of it."""
        return cls(order.steps, order.shift, order.guide_scale, order.audio_guide_scale)

    def __post_init__(self) -> None:
        if self.tea_cache and self.passes != 3:
            raise ValueError(f"TeaCache was made for three passes a step; these guides take {self.passes}")

    @property
    def is_stateful(self) -> bool:
        """Whether a step needs more of those before it than their latent: it cannot be gone on with inside a chunk."""
        return self.adaptive_projected or self.tea_cache != 0

    @property
    def passes(self) -> int:
        """Forward passes of a step."""
        if self.guide_scale != 1:
            return 3
        return 1 if self.audio_guide_scale == 1 and self.single_pass else 2


class Guidance:
    """Classifier-free guidance of one chunk; APG keeps a momentum per difference, so make a new one for each chunk."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._momenta: dict[str, Tensor] = {}

    def velocity(self, denoiser: Denoiser, latent: Tensor, t: float) -> Tensor:
        """Run the passes that the guides ask for and combine them, [C,T,h,w]. Reuses the memory of their results."""
        text, audio = self._sampling.guide_scale, self._sampling.audio_guide_scale
        if self._sampling.passes == 1:
            return denoiser(latent, t, BOTH)
        if self._sampling.passes == 2:
            conditional, silent = denoiser(latent, t, BOTH), denoiser(latent, t, PROMPT)
            if self._sampling.adaptive_projected:
                return conditional + (audio - 1) * self._projected("audio", conditional - silent, conditional)
            return conditional.sub_(silent).mul_(audio).add_(silent)
        conditional = denoiser(latent, t, BOTH)
        negative = denoiser(latent, t, VOICES)
        null = denoiser(latent, t, NEITHER)
        if self._sampling.adaptive_projected:
            by_text = self._projected("text", conditional - negative, conditional)
            by_audio = self._projected("audio", negative - null, conditional)
            return conditional + (text - 1) * by_text + (audio - 1) * by_audio
        conditional.sub_(negative).mul_(text)
        negative.sub_(null).mul_(audio)
        return null.add_(conditional).add_(negative)

    def _projected(self, name: str, difference: Tensor, conditional: Tensor) -> Tensor:
        # Momentum -0.75, norm at most 55 over the whole tensor, without the part parallel to the prediction.
        momentum = difference - 0.75 * self._momenta.get(name, torch.zeros(()))
        self._momenta[name] = momentum
        # In float32 where the reference takes float64, which a Gaudi has not: the parity case differs by no more.
        scaled = momentum * min(1.0, 55 / (float(momentum.norm()) + 1e-12))
        direction = torch.nn.functional.normalize(conditional.flatten(), dim=0).view_as(conditional)
        return scaled - (scaled * direction).sum() * direction
