"""The engine on a tiny model: the real way, from files to frames, alone and on ranks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.engine import Engine, Shape
from pipeline.guidance import Sampling
from pipeline.infinitetalk.device import choose_device
from pipeline.infinitetalk.engine import InfiniteTalkEngine
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import WeightsError
from pipeline.plan import Plan
from pipeline.rank.group import Group
from pipeline.rank.stopping import Aborted
from pipeline.stream import Prepared, Video, stream
from pipeline.voices.signals import Sound
from pipeline.warm_up import pass_through_vae
from support.gloo import on_ranks
from support.parity_data import uniform

SIDE = 32
PLAN = Plan(frames=13, chunk_frames=9, motion_frames=5, chunks=2, last_frames=9)


class Still:
    """A picture of colours in squares."""

    still = True

    def frames(self, _start: int, count: int) -> Iterator[Tensor]:
        picture = uniform("engine.picture", (3, 4, 4)).repeat_interleave(SIDE // 4, 1).repeat_interleave(SIDE // 4, 2)
        for _ in range(count):
            yield picture


def engine_of(root: Path, group: Group) -> InfiniteTalkEngine:
    return InfiniteTalkEngine(group, root, choose_device("cpu"))


def render(engine: Engine, group: Group, voices: int) -> np.ndarray:
    """A video of two chunks [3, 13, H, W], on rank 0."""
    prepared = None
    if group.is_rank0:
        wave = uniform("engine.wave", (16_000,)).numpy()
        masks = torch.zeros(3, SIDE // 8, SIDE // 8)
        masks[0, :2, :2], masks[1, :2, 2:], masks[2, 2:] = 1, 1, 1
        signals = [Sound(wave * (voice + 1)) for voice in range(voices)]
        embeddings = [torch.cat(list(engine.embed_voice(signal, PLAN.frames, 25))) for signal in signals]
        prepared = Prepared(Still(), embeddings, masks, "a prompt", "its opposite")
    video = Video(PLAN, Sampling(steps=2, shift=7.0, guide_scale=5.0, audio_guide_scale=4.0), seed=7, fps=25)
    chunks = [chunk.frames for chunk in stream(engine, group, video, prepared=prepared)]
    return torch.cat(chunks, 1).numpy() if group.is_rank0 else np.zeros(0)


def render_both(group: Group, root: str) -> list[np.ndarray]:
    engine = engine_of(Path(root), group)
    with torch.inference_mode():
        return [render(engine, group, voices) for voices in (1, 2)]


def test_it_is_an_engine(tiny_folder: ModelFolder) -> None:
    engine: Engine = engine_of(tiny_folder.root, Group())
    assert engine.encode_text("ab &amp; c").shape == (7, 32)  # six bytes and the end
    assert engine.encode_text("x" * 1000).shape == (512, 32)
    assert engine.encode_picture(torch.zeros(3, 64, 48)).shape == (257, 80)
    assert [piece.shape for piece in engine.embed_voice(Sound(np.ones(16_000)), 25, 25)] == [(25, 2, 32)]
    pieces: list[int] = []
    latent = engine.vae_encode(torch.zeros(3, 9, 32, 48), lambda: pieces.append(1))
    assert latent.shape == (16, 3, 4, 6)
    assert engine.vae_decode(latent, lambda: pieces.append(-1)).shape == (3, 9, 32, 48)
    assert pieces == [1, 1, 1, -1, -1, -1]


def test_a_decoding_that_is_stopped_leaves_nothing_for_the_next(tiny_folder: ModelFolder) -> None:
    engine = engine_of(tiny_folder.root, Group())
    one, other = uniform("engine.latents", (2, 16, 3, 4, 6))
    whole = engine.vae_decode(one, lambda: None)

    def stop() -> None:
        raise Aborted

    with pytest.raises(Aborted):
        engine.vae_decode(other, stop)
    assert torch.equal(engine.vae_decode(one, lambda: None), whole)


def test_what_compiles_passes_a_chunk_and_its_motion_frames_through_the_vae(
    tiny_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(tiny_folder.root, Group())
    given: list[tuple[int, ...]] = []
    for part in ("vae_encode", "vae_decode"):
        real = getattr(engine, part)
        monkeypatch.setattr(engine, part, lambda x, tick, real=real: given.append(tuple(x.shape)) or real(x, tick))
    pass_through_vae(engine, Group(), Shape(32, 48, 13), lambda: None)
    assert given == [(3, 13, 32, 48), (16, 4, 4, 6), (3, 9, 32, 48)]


def test_ranks_render_what_one_renders(tiny_folder: ModelFolder) -> None:
    videos = on_ranks((1, 2), render_both, str(tiny_folder.root))
    for alone, split in zip(videos[1][0], videos[2][0], strict=True):
        assert alone.shape == (3, PLAN.frames, SIDE, SIDE)
        assert np.isfinite(alone).all()
        assert alone.std() > 0.01
        # Sums in another order, grown by two chunks of guidance and a VAE of random numbers.
        np.testing.assert_allclose(alone, split, atol=1e-3, rtol=0)


def test_a_job_leaves_nothing_for_the_next(tiny_folder: ModelFolder) -> None:
    engine = engine_of(tiny_folder.root, Group())
    with torch.inference_mode():
        first = [render(engine, Group(), voices) for voices in (1, 2)]
        again = [render(engine, Group(), voices) for voices in (1, 2)]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_preset_renders_another_video_and_leaves_nothing(tiny_folder: ModelFolder) -> None:
    engine = engine_of(tiny_folder.root, Group())
    assert engine.presets == ("quality", "fast", "turbo")
    assert list(engine.versions) == ["lora fast", "lora turbo"]
    with torch.inference_mode():
        videos = []
        for preset in ("quality", "fast", "quality"):
            engine.use(preset, lambda: None)
            videos.append(render(engine, Group(), 1))
    assert np.abs(videos[1] - videos[0]).max() > 0.01
    np.testing.assert_array_equal(videos[2], videos[0])


def test_a_preset_that_is_not_there_says_what_would_help(broken_folder: ModelFolder) -> None:
    broken_folder.lora("turbo").unlink()
    engine = engine_of(broken_folder.root, Group())
    assert engine.presets == ("quality", "fast")
    assert engine.refusal("fast") is None
    refusal = engine.refusal("turbo") or ""
    assert str(broken_folder.lora("turbo")) in refusal
    assert "huggingface.co/Kijai/WanVideo_comfy" in refusal


def test_what_is_wrong_with_any_file_is_told_at_once(broken_folder: ModelFolder) -> None:
    broken_folder.text_encoder[0].unlink()
    (coder,) = broken_folder.latent_coder
    coder.write_bytes(coder.read_bytes()[:10_000])
    broken_folder.tokenizer.write_text("{}")
    broken_folder.adapter(1).unlink()
    with pytest.raises(WeightsError) as raised:
        engine_of(broken_folder.root, Group())
    told = "\n".join(raised.value.problems)
    assert "models_t5_umt5-xxl-enc-bf16.pth is missing" in told
    assert "Wan2.1_VAE.pth is cut short" in told
    assert "infinitetalk.safetensors is missing" in told
