"""From noise to the latents of one chunk."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pipeline.engine import Denoiser
from pipeline.guidance import Guidance, Sampling, timesteps


class NotANumber(ArithmeticError):
    """A latent stopped being finite."""


def denoise(
    denoiser: Denoiser,
    noise: Tensor,
    motion: Tensor,
    sampling: Sampling,
    before_step: Callable[[int], None],
) -> Tensor:
    """Walk noise [C,T,h,w] to a latent by Euler steps, its first latents held at the motion latents [C,m,h,w].

    `before_step(i)` may raise to stop; it is called by every rank before step i.
    """
    times = timesteps(sampling.steps, sampling.shift)
    guidance = Guidance(sampling)
    latent, held = noise, motion.shape[1]
    for step in range(sampling.steps):
        before_step(step)
        latent[:, :held] = motion
        velocity = guidance.velocity(denoiser, latent, times[step])
        latent -= velocity.mul_((times[step] - times[step + 1]) / 1000)
        latent[:, :held] = motion
        if not latent.sum().isfinite():
            raise NotANumber(f"the latent after step {step + 1} of {sampling.steps} is not finite")
    return latent
