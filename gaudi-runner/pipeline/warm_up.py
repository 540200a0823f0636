"""The one forward pass that makes a group ready, and its first measured speed."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from pipeline.audio import normalize_loudness
from pipeline.engine import Conditions, Engine
from pipeline.group import Group
from pipeline.guidance import BOTH

WIDTH = HEIGHT = 640
FRAMES = 81


def measure_forward(engine: Engine, group: Group, beat: Callable[[], None]) -> tuple[float, int]:
    """Seconds of one forward pass at 640 x 640, 81 frames, and its tokens; measured after a first one."""
    latents, height, width = (FRAMES - 1) // 4 + 1, HEIGHT // 8, WIDTH // 8
    still = torch.zeros(3, HEIGHT, WIDTH)
    voice = np.zeros(16_000 * 4)
    if group.leads:
        voice = normalize_loudness(voice)  # loads the meter
    beat()
    given = Conditions(
        text=group.from_lead(engine.encode_text(" ") if group.leads else None, engine.device),
        negative_text=group.from_lead(engine.encode_text("") if group.leads else None, engine.device),
        clip=group.from_lead(engine.encode_picture(still) if group.leads else None, engine.device),
        y=torch.zeros(4 + engine.latent_channels, latents, height, width, device=engine.device),
        audio=group.from_lead(
            engine.embed_voice(voice, FRAMES, 25)[None, :, None].expand(-1, -1, 5, -1, -1) if group.leads else None,
            engine.device,
        ),
        masks=torch.ones(3, height, width, device=engine.device),
        start=0,
        fps=25,
        reference=_Grey() if group.leads else None,
    )
    denoiser = engine.denoiser(given)
    latent = torch.zeros(engine.latent_channels, latents, height, width, device=engine.device)
    seconds = 0.0
    for _ in range(2):
        beat()
        began = time.monotonic()
        float(denoiser(latent, 500.0, BOTH).sum())  # reading a number waits for the device
        seconds = time.monotonic() - began
    return seconds, latents * (height // 2) * (width // 2)


class _Grey:
    still = True

    def frames(self, _start: int, count: int):  # noqa: ANN202
        for _ in range(count):
            yield torch.zeros(3, HEIGHT, WIDTH)
