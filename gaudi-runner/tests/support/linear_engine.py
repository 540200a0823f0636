"""The reference loop's stand-in engine: every network a few linear lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pipeline.engine import Conditions, Pass, Signal, Tick
from support.parity_data import uniform

MIX = uniform("stub.vae.mix", (16, 3))


class LinearReference:
    def __init__(self, still: bool) -> None:
        self.still = still
        self.asked: list[int] = []

    def frames(self, start: int, count: int) -> Iterator[Tensor]:
        for number in range(start, start + count):
            self.asked.append(number)
            k = 0 if self.still else number
            y, x = np.mgrid[0:32, 0:32]
            rgb = np.stack([8 * x + k, 8 * y + 2 * k, 4 * (x + y)]) % 256
            yield torch.from_numpy(rgb.astype(np.float32)) / 255 * 2 - 1


class LinearDenoiser:
    def __init__(self, engine: LinearEngine, conditions: Conditions) -> None:
        self._engine, self._conditions = engine, conditions

    def __call__(self, latent: Tensor, t: float, condition: Pass) -> Tensor:
        self._engine.forwards += 1
        it = self._conditions
        audio = (it.audio if condition.voices else it.null_audio).mean((0, 2, 3, 4))
        per_latent = torch.cat([audio[:1], audio[1:].view(-1, 4).mean(1)])
        text = it.text if condition.prompt else it.negative_text
        constant = text.mean() + 0.001 * t * it.clip.mean() + 0.05 * it.masks[0].mean()
        return (
            0.5 * latent - 0.8 * it.y[4:20] + 0.3 * it.y[:4].mean(0) + 10 * per_latent[None, :, None, None] + constant
        )


class LinearEngine:
    name = "linear"
    model = "linear"
    presets = ("quality",)
    versions: ClassVar[dict[str, str]] = {}
    device = torch.device("cpu")
    latent_channels = 16

    def __init__(self) -> None:
        self.forwards = 0

    def identity_of(self, preset: str) -> str:
        return "linear 1"

    def refusal(self, preset: str) -> str | None:
        return None

    def use(self, preset: str, beat: Callable[[], None]) -> None:
        pass

    def encode_text(self, prompt: str) -> Tensor:
        return uniform("text:" + prompt, (7, 40))

    def encode_picture(self, picture: Tensor) -> Tensor:
        return torch.full((257, 1280), float(picture.mean()))

    def embed_voice(self, signal: Signal, frames: int, fps: int) -> Iterator[Tensor]:
        raise AssertionError("the cases bring their embeddings")

    def vae_encode(self, frames: Tensor, tick: Tick) -> Tensor:
        _, _, H, W = frames.shape
        kept = frames[:, ::4]
        blocks = kept.reshape(3, -1, H // 8, 8, W // 8, 8).mean((3, 5))
        return torch.einsum("cr,rthw->cthw", MIX, blocks)

    def vae_decode(self, latent: Tensor, tick: Tick) -> Tensor:
        small = torch.einsum("cr,cthw->rthw", MIX, latent) / 4
        frames = torch.cat([small[:, :1], small[:, 1:].repeat_interleave(4, 1)], 1)
        return frames.repeat_interleave(8, 2).repeat_interleave(8, 3).tanh()

    def denoiser(self, conditions: Conditions, tick: Tick) -> LinearDenoiser:
        return LinearDenoiser(self, conditions)
