"""The demo engine: everything InfiniteTalk's loop asks of a model, from a picture and no weights."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor

from pipeline.demo.cosine_vae import CHANNELS, CosineVae
from pipeline.demo.denoiser import DemoDenoiser
from pipeline.demo.talking import faces_of, talking_frames
from pipeline.demo.voice import voice_features
from pipeline.engine import Conditions
from pipeline.group import Group

# The guide at which the mouth moves naturally; it is the service's default.
NATURAL_AUDIO_GUIDE = 5.0


class DemoEngine:
    """Says what it is in `model`. Raise the number in `identity` when it draws anything differently."""

    name = "demo"
    model = "InfiniteTalk-demo"
    identity = "demo 1"
    device = torch.device("cpu")
    latent_channels = CHANNELS

    def __init__(self, group: Group) -> None:
        self._group = group
        self._vae = CosineVae()

    def encode_text(self, prompt: str) -> Tensor:
        """A fingerprint of the prompt: the demo draws the same whatever it says."""
        return torch.full((1, 8), zlib.crc32(prompt.encode()) / 2**32)

    def encode_picture(self, picture: Tensor) -> Tensor:
        """The picture's mean where CLIP features go."""
        return picture.mean().expand(257, 1280).contiguous()

    def embed_voice(self, wave: np.ndarray, frames: int, fps: int) -> Tensor:
        """Loudness, brightness and emphasis where wav2vec2's layers go, [frames, 1, 3]."""
        return voice_features(wave, frames, fps)

    def vae_encode(self, frames: Tensor) -> Tensor:
        """Truncated cosine transform."""
        return self._vae.encode(frames)

    def vae_decode(self, latent: Tensor) -> Tensor:
        """And back."""
        return self._vae.decode(latent)

    def denoiser(self, conditions: Conditions) -> DemoDenoiser:
        """Draw the chunk silent and speaking on rank 0; the ranks walk towards either, as each pass is told.

        The difference is a fifth of the natural one, so that guidance of 5 makes it natural.
        """
        group = self._group
        silent, natural = None, None
        if conditions.reference is not None:
            faces = faces_of(conditions)
            silent, natural = (
                self._vae.encode(torch.stack(list(talking_frames(conditions, faces, speaking)), 1))
                for speaking in (False, True)
            )
        silent, natural = group.from_lead(silent), group.from_lead(natural)
        return DemoDenoiser(group, silent, silent + (natural - silent) / NATURAL_AUDIO_GUIDE)
