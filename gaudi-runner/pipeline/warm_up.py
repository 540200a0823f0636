"""The forward passes that make a group ready, and its first measured speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from pipeline.engine import Conditions, Engine, Shape
from pipeline.guidance import BOTH
from pipeline.plan import plan_chunks
from pipeline.rank.group import Group
from pipeline.voices.signals import Sound

FPS = 25


def measure_forward(engine: Engine, group: Group, shape: Shape, beat: Callable[[], None]) -> tuple[float, int]:
    """Seconds of one forward pass of this shape, and its tokens; measured after a first one.

    Collective. Beats between the passes: a graph is compiled within one, without a sign of life.
    """
    latents, height, width = (shape.frames - 1) // 4 + 1, shape.height // 8, shape.width // 8
    still = torch.zeros(3, shape.height, shape.width)
    heard = None
    if group.is_rank0:
        silence = Sound(np.zeros(16_000 * shape.frames // FPS))
        heard = torch.cat(list(engine.embed_voice(silence, shape.frames, FPS)))[None, :, None].expand(-1, -1, 5, -1, -1)
    beat()
    conditions = Conditions(
        text=group.broadcast(engine.encode_text(" ") if group.is_rank0 else None, engine.device),
        negative_text=group.broadcast(engine.encode_text("") if group.is_rank0 else None, engine.device),
        clip=group.broadcast(engine.encode_picture(still) if group.is_rank0 else None, engine.device),
        y=torch.zeros(4 + engine.latent_channels, latents, height, width, device=engine.device),
        audio=group.broadcast(heard, engine.device),
        masks=torch.ones(3, height, width, device=engine.device),
        start=0,
        fps=FPS,
        reference=_Grey(shape) if group.is_rank0 else None,
    )
    denoiser = engine.denoiser(conditions, beat)
    latent = torch.zeros(engine.latent_channels, latents, height, width, device=engine.device)
    seconds = 0.0
    for _ in range(2):
        beat()
        began = time.monotonic()
        float(denoiser(latent, 500.0, BOTH).sum())  # reading a number waits for the device
        seconds = time.monotonic() - began
    return seconds, latents * (height // 2) * (width // 2)


def pass_through_vae(engine: Engine, group: Group, shape: Shape, beat: Callable[[], None]) -> None:
    """Encode and decode a chunk of this shape, and encode what the next one begins with: rank 0's other graphs."""
    if group.is_rank0:
        frames = torch.zeros(3, shape.frames, shape.height, shape.width)
        engine.vae_decode(engine.vae_encode(frames, beat), beat)
        engine.vae_encode(frames[:, -plan_chunks(shape.frames).motion_frames :], beat)


class _Grey:
    still = True

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def frames(self, _start: int, count: int) -> Iterator[torch.Tensor]:
        for _ in range(count):
            yield torch.zeros(3, self._shape.height, self._shape.width)
