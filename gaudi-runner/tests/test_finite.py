"""A number that stops being finite ends the job, with the name of where it appeared."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.engine import Conditions, Pass, Tick
from pipeline.finite import NotANumber, finite
from pipeline.guidance import Sampling
from pipeline.pictures.masks import person_masks
from pipeline.plan import plan_chunks
from pipeline.rank.group import Group
from pipeline.stream import Prepared, Video, stream
from support.linear_engine import LinearDenoiser, LinearEngine, LinearReference
from support.parity_data import uniform


class Spoiled(LinearEngine):
    """Gives one number that is none, at one call of one of its parts."""

    def __init__(self, part: str, call: int) -> None:
        super().__init__()
        self._part, self._left = part, call

    def spoil(self, part: str, tensor: Tensor) -> Tensor:
        if part == self._part:
            self._left -= 1
            if self._left == 0:
                tensor = tensor.clone()
                tensor.view(-1)[-1] = float("nan")
        return tensor

    def encode_text(self, prompt: str) -> Tensor:
        return self.spoil("text", super().encode_text(prompt))

    def encode_picture(self, picture: Tensor) -> Tensor:
        return self.spoil("clip", super().encode_picture(picture))

    def vae_encode(self, frames: Tensor, tick: Tick) -> Tensor:
        return self.spoil("encode", super().vae_encode(frames, tick))

    def vae_decode(self, latent: Tensor, tick: Tick) -> Tensor:
        return self.spoil("decode", super().vae_decode(latent, tick))

    def denoiser(self, conditions: Conditions, tick: Tick) -> LinearDenoiser:
        engine = self

        class Denoiser(LinearDenoiser):
            def __call__(self, latent: Tensor, t: float, condition: Pass) -> Tensor:
                return engine.spoil("forward", super().__call__(latent, t, condition))

        return Denoiser(self, conditions)


@pytest.mark.parametrize(
    ("part", "call", "message"),
    [
        ("text", 1, "the encoded prompt is not finite"),
        ("text", 2, "the encoded negative prompt is not finite"),
        ("clip", 2, "the picture features of frame 16 are not finite"),
        ("encode", 1, "the encoded condition of frame 0 is not finite"),
        ("forward", 4, "the latent of chunk 0 after step 2 of 2 is not finite"),
        ("forward", 7, "the latent of chunk 1 after step 1 of 2 is not finite"),
        ("decode", 2, "the decoded frames of chunk 1 are not finite"),
        ("encode", 2, "the motion latents of chunk 0 are not finite"),
    ],
)
def test_the_job_ends_where_a_number_is_lost(part: str, call: int, message: str) -> None:
    embedding = uniform("audio.1", (30, 12, 768))
    prepared = Prepared(LinearReference(False), [embedding], person_masks(1, 32, 32, 32, 32), "hello", "neg")
    video = Video(plan_chunks(30, 25, 9), Sampling(2, 5.0, 5.0, 4.0), 3, 25, colour_strength=0.0)
    with pytest.raises(NotANumber, match=f"^{message}$"):
        list(stream(Spoiled(part, call), Group(), video, prepared=prepared))


def test_voices_that_are_not_finite_are_told_with_their_chunk() -> None:
    embedding = uniform("audio.1", (30, 12, 768))
    embedding[28, 1, 1] = float("inf")
    prepared = Prepared(LinearReference(True), [embedding], person_masks(1, 32, 32, 32, 32), "hello", "neg")
    video = Video(plan_chunks(30, 25, 9), Sampling(2, 5.0, 5.0, 4.0), 3, 25)
    with pytest.raises(NotANumber, match="the voice features of chunk 1 are not finite"):
        list(stream(LinearEngine(), Group(), video, prepared=prepared))


def test_what_is_finite_is_given_back() -> None:
    tensor = torch.full((1000,), 1e30)
    assert finite(tensor, "it") is tensor
