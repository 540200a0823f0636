"""What the demo engine shows: the picture itself, talking with the voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from pipeline.demo.cosine_vae import CosineVae
from pipeline.demo.denoiser import DemoDenoiser
from pipeline.demo.engine import DemoEngine
from pipeline.demo.voice import voice_features
from pipeline.denoise import denoise
from pipeline.finite import NotANumber
from pipeline.guidance import BOTH, Sampling
from pipeline.order import Order
from pipeline.pictures.fit import fit_picture
from pipeline.plan import plan_chunks
from pipeline.prepare import prepare
from pipeline.rank.group import Group
from pipeline.state.step_checkpoint import Steps
from pipeline.stream import Video, stream
from pipeline.voices.signals import Sound
from support.orders import draw_reference, make_inputs, order, syllables


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / (a - b).square().mean()))


def textured(tmp_path: Path) -> torch.Tensor:
    """Shapes over soft noise: about as fine as a photograph."""
    draw_reference(tmp_path / "p.png", (1024, 1024))
    noise = np.random.default_rng(3).normal(0, 40, (1024, 1024, 3))
    soft = Image.fromarray((128 + noise).clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(3))
    return fit_picture(Image.blend(Image.open(tmp_path / "p.png"), soft, 0.3), 256, 256)


def test_the_vae_keeps_pictures(tmp_path: Path) -> None:
    picture = textured(tmp_path)
    shown = CosineVae().decode(CosineVae().encode([picture] * 9))
    assert shown.shape == (3, 9, 256, 256)
    assert psnr(shown, picture[:, None]) >= 32


def test_the_vae_is_causal(tmp_path: Path) -> None:
    picture = textured(tmp_path)
    frames = [picture * scale for scale in np.linspace(0.2, 1, 13)]
    vae = CosineVae()
    whole = vae.encode(frames)
    assert whole.shape == (32, 4, 32, 32)
    assert torch.equal(vae.encode(frames[:9]), whole[:, :3])
    assert torch.equal(vae.decode(whole[:, :2]), vae.decode(whole)[:, :5])


@pytest.mark.parametrize("guide", [1.0, 5.0])
def test_the_denoiser_arrives_where_its_guide_points(guide: float) -> None:
    silent, speaking = torch.zeros(32, 3, 4, 4), torch.full((32, 3, 4, 4), 0.1)
    sampling = Sampling(8, 5.0, 5.0, guide)
    noise = torch.randn(32, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    motion = torch.full((32, 1, 4, 4), 0.7)
    latent = denoise(DemoDenoiser(Group(), silent, speaking), sampling, start=Steps(0, 0, noise), motion=motion)
    assert torch.equal(latent[:, :1], motion)
    torch.testing.assert_close(latent[:, 1:], (silent + guide * speaking)[:, 1:], atol=2e-3, rtol=0)


def test_a_latent_that_is_not_finite_is_told_with_its_step() -> None:
    class Broken:
        def __call__(self, latent: torch.Tensor, t: float, condition: object) -> torch.Tensor:
            return latent * (float("nan") if t < 700 else 0)

    sampling = Sampling(3, 1.0, 1.0, 1.0)
    with pytest.raises(NotANumber, match="after step 2 of 3"):
        denoise(Broken(), sampling, start=Steps(0, 0, torch.zeros(4, 3, 2, 2)), motion=torch.zeros(4, 1, 2, 2))


def test_guides_of_one_take_one_pass() -> None:
    assert [Sampling(1, 1.0, text, audio).passes for text, audio in ((5, 5), (5, 1), (1, 5), (1, 1))] == [3, 3, 2, 1]
    assert BOTH.prompt
    assert BOTH.voices


def rendered(directory: Path, **changes: object) -> tuple[torch.Tensor, torch.Tensor]:
    """All frames of a small order, and the reference."""
    said = Order.read(order(**{"width": 192, "height": 192, **changes}))
    engine = DemoEngine(Group())
    prepared = prepare(engine, said, directory, lambda: None)
    sampling = Sampling.of(said)
    video = Video(plan_chunks(said.frames), sampling, said.seed, said.fps)
    chunks = stream(engine, Group(), video, prepared=prepared)
    return torch.cat([chunk.frames for chunk in chunks], 1), next(iter(prepared.reference.frames(0, 1)))


def loudness(samples: np.ndarray, frames: int) -> np.ndarray:
    return np.sqrt((samples[: frames * 640].reshape(frames, 640) ** 2).mean(1))


def test_the_mouth_moves_with_the_voice(tmp_path: Path) -> None:
    frames, reference = rendered(make_inputs(tmp_path, 6.0), frames=150)
    change = (frames - reference[:, None]).abs().mean(0)
    moving = change.std(0)
    region = moving >= moving.flatten().quantile(0.97)
    motion = change[:, region].mean(1).numpy()
    assert np.corrcoef(motion, loudness(syllables(6.0), 150))[0, 1] >= 0.6


LEFT, RIGHT = ({"x": x, "y": 0, "width": 236, "height": 256} for x in (10, 266))


@pytest.mark.parametrize(("boxes", "seeds"), [([], (1, 2)), ([LEFT, RIGHT], (1, 2)), ([RIGHT, LEFT], (2, 1))])
def test_two_people_talk_each_with_their_own_voice(tmp_path: Path, boxes: list[dict], seeds: tuple[int, int]) -> None:
    inputs = make_inputs(tmp_path, 3.0, second_voice=3.0)
    draw_reference(inputs / "reference", (512, 256), faces=2)
    frames, reference = rendered(inputs, frames=75, audio_type="para", width=384, bbox=boxes)
    change = (frames - reference[:, None]).abs().mean(0)
    voices = [loudness(syllables(3.0, seed), 75) for seed in seeds]
    for person, half in enumerate((change[:, :, :192], change[:, :, 192:])):
        moving = half.std(0)
        motion = half[:, moving >= moving.flatten().quantile(0.97)].mean(1).numpy()
        own, other = (np.corrcoef(motion, voice)[0, 1] for voice in (voices[person], voices[1 - person]))
        assert own >= 0.6
        assert own > other + 0.3


def test_frames_at_the_border_of_two_chunks_follow_smoothly(tmp_path: Path) -> None:
    frames, _ = rendered(make_inputs(tmp_path, 4.0), frames=100)
    steps = (frames[:, 1:] - frames[:, :-1]).abs().mean((0, 2, 3))
    assert steps[80] <= 1.5 * steps.max()
    assert steps[80] < 0.02


def test_silence_keeps_the_mouth_shut() -> None:
    assert voice_features(Sound(np.zeros(16000)), 25, 25).abs().max() == 0
    assert voice_features(Sound(np.zeros(0)), 25, 25).shape == (25, 1, 3)
