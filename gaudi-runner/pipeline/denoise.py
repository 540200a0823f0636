"""From noise to the latents of one chunk."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pipeline.engine import Denoiser
from pipeline.finite import finite
from pipeline.guidance import Guidance, Sampling, timesteps


def denoise(
    denoiser: Denoiser,
    latent: Tensor,
    motion: Tensor,
    sampling: Sampling,
    before_step: Callable[[int], None],
    finished: int = 0,
    after_step: Callable[[int, Tensor], None] | None = None,
    name: str = "the latent",
) -> Tensor:
    """Walk noise [C,T,h,w] to a latent by Euler steps, in place; its first latents are held at the motion [C,m,h,w].

    With so many steps finished, `latent` is what they gave and the rest is walked. `before_step(i)` may raise to stop;
    it is called by every rank before step i, and `after_step(i + 1, latent)` after it. Raises NotANumber.
    """
    times = timesteps(sampling.steps, sampling.shift)
    guidance = Guidance(sampling)
    held = motion.shape[1]
    for step in range(finished, sampling.steps):
        before_step(step)
        latent[:, :held] = motion
        velocity = guidance.velocity(denoiser, latent, times[step])
        latent -= velocity.mul_((times[step] - times[step + 1]) / 1000)
        latent[:, :held] = motion
        finite(latent, f"{name} after step {step + 1} of {sampling.steps} is")
        if after_step is not None:
            after_step(step + 1, latent)
    return latent
