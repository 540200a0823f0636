"""What the streaming loop asks of a model. Two engines answer: `demo`, and the real one when it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

# Called after each piece of long work, by all ranks together: they show that they live; raises where they are to stop.
Tick = Callable[[], None]


class CannotStart(ValueError):
    """What the ranks were started with cannot work: weights, device, number of ranks. Raised by every rank alike."""


class Signal(Protocol):
    """Sound of one channel at 16 kHz."""

    samples: int

    def read(self, start: int, stop: int) -> np.ndarray:
        """Samples start to stop, float64 in about [-1, 1]; silence before the beginning and after the end."""


class Reference(Protocol):
    """The reference picture or video, resized and cropped; rank 0 has it, the other ranks get what is made of it."""

    still: bool

    def frames(self, start: int, count: int) -> Iterator[Tensor]:
        """Yield frames [3,H,W] in [-1, 1] by number; after the last one, the last one again."""


@dataclass(frozen=True)
class Shape:
    """What a forward pass is made for: pixels, multiples of 16, and 4n + 1 frames."""

    height: int
    width: int
    frames: int


@dataclass(frozen=True)
class Conditions:
    """What one chunk is made from. All but `reference` are the same on every rank."""

    text: Tensor  # [tokens, d] of the prompt
    negative_text: Tensor  # [tokens, d]
    clip: Tensor  # [257, 1280] of the frame at the chunk's start
    y: Tensor  # [4 + C, T, h, w]: which frames are given, then the encoded condition
    audio: Tensor  # [persons, F, 5, layers, d]: each frame with two neighbours on either side
    masks: Tensor  # [3, h, w]: person 1, person 2, background
    start: int  # number of the chunk's first frame in the video
    fps: int
    reference: Reference | None  # rank 0 only

    @property
    def null_audio(self) -> Tensor:
        """One person's silence, also where there are two, as the reference has it."""
        return torch.zeros_like(self.audio[:1])


@dataclass(frozen=True)
class Pass:
    """Which conditions a forward pass is given: the prompt or the negative prompt, the voices or silence."""

    prompt: bool
    voices: bool


class Denoiser(Protocol):
    """The model with one chunk's conditions in place: what is constant over a chunk is computed once."""

    def __call__(self, latent: Tensor, t: float, condition: Pass) -> Tensor:
        """One forward pass at time t (1000 to 0): latent [C,T,h,w] to a new velocity like it, on every rank."""


class Engine(Protocol):
    """A model on the ranks. Encoders and VAE are called on rank 0 only; `denoiser` and what it gives by all ranks."""

    name: str
    model: str  # as answers show it
    presets: tuple[str, ...]  # that an order may name
    versions: Mapping[str, str]  # what else `ready` names beside torch and Python, by a word for it
    device: torch.device
    latent_channels: int  # C

    def identity_of(self, preset: str) -> str:
        """Name weights and arithmetic of a preset's videos: a checkpoint of another one is refused."""

    def refusal(self, preset: str) -> str | None:
        """Say why an order with this preset cannot be rendered, and what would help; None where it can. Rank 0."""

    def use(self, preset: str, beat: Callable[[], None]) -> None:
        """Put a preset's weights in place before a video. Every rank; calls `beat` while it takes long."""

    def encode_text(self, prompt: str) -> Tensor:
        """Encode a prompt to [tokens, d]."""

    def encode_picture(self, picture: Tensor) -> Tensor:
        """CLIP features [257, 1280] of a picture [3,H,W] in [-1, 1]."""

    def embed_voice(self, signal: Signal, frames: int, fps: int) -> Iterator[Tensor]:
        """Features of a signal [frames, layers, d], as pieces [some, layers, d] one after the other."""

    def vae_encode(self, frames: Tensor, tick: Tick) -> Tensor:
        """[3,F,H,W] in [-1, 1] to [C, 1 + (F - 1) / 4, H / 8, W / 8]; causal: a prefix gives a prefix."""

    def vae_decode(self, latent: Tensor, tick: Tick) -> Tensor:
        """The way back, to [3,F,H,W] in [-1, 1] on the CPU."""

    def denoiser(self, conditions: Conditions, tick: Tick) -> Denoiser:
        """Bind a chunk's conditions. Collective."""
