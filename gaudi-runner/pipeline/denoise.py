"""From noise to the latents of one chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pipeline.engine import Denoiser, Tick
from pipeline.finite import finite
from pipeline.guidance import Sampling, guided_velocity, timesteps
from pipeline.state.step_checkpoint import Steps


def _nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Hooks:
    """What is called while a video is rendered, by every rank at the same place: what one raises, all raise."""

    before_step: Callable[[int, int], None] = _nothing  # given chunk and step
    after_step: Callable[[int, int, Tensor], None] = _nothing  # chunk, finished steps, a latent that the next changes
    tick: Tick = _nothing  # after each piece of what rank 0 makes alone


NO_HOOKS = Hooks()


def denoise(denoiser: Denoiser, sampling: Sampling, *, start: Steps, motion: Tensor, hooks: Hooks = NO_HOOKS) -> Tensor:
    """Walk a chunk's noise [C,T,h,w] to a latent by Euler steps, in place.

    Its first latents are held at the motion [C,m,h,w]. Where steps of `start` are finished, its latent is what they
    gave, and the rest is walked. Raises NotANumber, and what a hook raises.
    """
    times = timesteps(sampling.steps, sampling.shift)
    latent, held = start.latent, motion.shape[1]
    for step in range(start.finished, sampling.steps):
        hooks.before_step(start.chunk, step)
        latent[:, :held] = motion
        velocity = guided_velocity(denoiser, sampling, latent, times[step])
        latent -= velocity.mul_((times[step] - times[step + 1]) / 1000)
        latent[:, :held] = motion
        finite(latent, f"the latent of chunk {start.chunk} after step {step + 1} of {sampling.steps} is")
        hooks.after_step(start.chunk, step + 1, latent)
    return latent
