"""The demo engine: everything InfiniteTalk's loop asks of a model, from a picture and no weights."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from pipeline.demo.cosine_vae import CHANNELS, CosineVae
from pipeline.demo.denoiser import DemoDenoiser
from pipeline.demo.face import Face
from pipeline.demo.talking import faces_of, moving_region, talking_frames
from pipeline.demo.voice import voice_features
from pipeline.engine import Conditions, Reference, Shape, Signal, Tick
from pipeline.presets import PRESETS
from pipeline.rank.group import Group
from pipeline.rank.run_on_rank0 import run_on_rank0

# Its passes take as long as their tokens are many, but it draws first: 0.02 s a frame.
WARM_UP = (Shape(640, 640, 17),)
# The guide at which the mouth moves naturally; it is the service's default.
NATURAL_AUDIO_GUIDE = 5.0


class DemoEngine:
    """Says what it is in `model`. Raise the number in `identity_of` when it draws anything differently."""

    name = "demo"
    model = "InfiniteTalk-demo"
    presets = PRESETS  # no weights, so none to choose from
    versions: ClassVar[dict[str, str]] = {}
    device = torch.device("cpu")
    latent_channels = CHANNELS

    def __init__(self, group: Group) -> None:
        self._group = group
        self._vae = CosineVae()
        self._still: tuple[Reference, list[list[Face]]] | None = None  # the faces of the picture at hand

    def identity_of(self, preset: str) -> str:  # noqa: ARG002 - it draws the same for all
        """Name what it draws."""
        return "demo 3"

    def refusal(self, preset: str) -> str | None:  # noqa: ARG002 - it has no weights to lack
        """Offer every preset."""
        return None

    def use(self, preset: str, beat: Callable[[], None]) -> None:
        """Have no weights to put in place."""

    def encode_text(self, prompt: str) -> Tensor:
        """A fingerprint of the prompt: the demo draws the same whatever it says."""
        return torch.full((1, 8), zlib.crc32(prompt.encode()) / 2**32)

    def encode_picture(self, picture: Tensor) -> Tensor:
        """The picture's mean where CLIP features go."""
        return picture.mean().expand(257, 1280).contiguous()

    def embed_voice(self, signal: Signal, frames: int, fps: int) -> Iterator[Tensor]:
        """Loudness, brightness and emphasis where wav2vec2's layers go, [frames, 1, 3], all at once."""
        yield voice_features(signal, frames, fps)

    def vae_encode(self, frames: Tensor, tick: Tick) -> Tensor:
        """Truncated cosine transform."""
        return self._vae.encode(frames.unbind(1), tick)

    def vae_decode(self, latent: Tensor, tick: Tick) -> Tensor:
        """And back."""
        return self._vae.decode(latent, tick)

    def denoiser(self, conditions: Conditions, tick: Tick) -> DemoDenoiser:
        """Draw the chunk silent and speaking on rank 0; the ranks walk towards either, as each pass is told.

        The difference is a fifth of the natural one, so that guidance of 5 makes it natural.
        """
        targets = run_on_rank0(self._group, partial(self._targets, conditions), tick)
        silent, natural = targets or (None, None)
        silent, natural = self._group.broadcast(silent), self._group.broadcast(natural)
        return DemoDenoiser(self._group, silent, silent + (natural - silent) / NATURAL_AUDIO_GUIDE)

    def _targets(self, conditions: Conditions, tick: Tick) -> tuple[Tensor, Tensor]:
        """Latents [C,T,h,w] of the chunk as it looks without and with the voices."""
        reference = conditions.reference
        assert reference is not None
        if self._still is None or self._still[0] is not reference:
            self._still = (reference, faces_of(conditions)) if reference.still else None
        # Of a picture, every frame's are the same, and the last chunk may have fewer frames.
        faces = self._still[1][: conditions.audio.shape[1]] if self._still else faces_of(conditions)
        region = moving_region(conditions, faces)
        both = self._vae.encode(talking_frames(conditions, faces, region), tick)
        targets = both.chunk(2, 3)
        if not reference.still:
            return targets[0].contiguous(), targets[1].contiguous()
        # One latent of a picture that stands still is like the next; where nothing moves they stay.
        first, then = self._vae.encode(reference.frames(0, 5), tick).unbind(1)
        whole = torch.stack([first] + [then] * (both.shape[1] - 1), 1)
        rows, columns = slice(region.top // 8, region.bottom // 8), slice(region.left // 8, region.right // 8)
        silent, speaking = whole.clone(), whole
        silent[:, :, rows, columns], speaking[:, :, rows, columns] = targets
        return silent, speaking
