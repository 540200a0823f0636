"""TeaCache decides as the reference's counter over all passes does, and forgets at every chunk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.engine import Conditions
from pipeline.guidance import BOTH, NEITHER, VOICES, Guidance, Sampling, timesteps
from pipeline.infinitetalk.denoiser import ChunkDenoiser, KVCache
from pipeline.infinitetalk.model import Transformer
from pipeline.infinitetalk.tea_cache import PassCache
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import Variant, check_weights
from support.weights import CPU, on_meta

STEPS, THRESHOLD = 40, 0.2
POLYNOMIALS = {
    1600: np.poly1d([257151.496, -35422.9917, 1402.86849, -13.5890334, 0.132517977]),
    3600: np.poly1d([8107.0546, 2133.93892, -372.934672, 16.6203073, -0.0417769401]),
}


def signals(shift: float = 7.0) -> list[Tensor]:
    """Embeddings that go as smoothly as a model's, one a step."""
    waves = torch.linspace(0.5, 3, 6 * 32).view(6, 32)
    return [torch.sin(waves * t / 1000) + 0.1 * waves for t in timesteps(STEPS, shift)[:-1]]


def by_the_spec(tokens: int) -> list[bool]:
    """Whether each call is computed, by the reference's counter over all three passes of a step."""
    given, computed = signals(), []
    previous: list[Tensor | None] = [None] * 3
    accumulated = [0.0] * 3
    for c in range(3 * STEPS):
        slot, signal = c % 3, given[c // 3]
        before = previous[slot]
        if c < 15 or c >= 3 * STEPS or before is None:
            accumulated[slot] = 0.0
            computed.append(True)
        else:
            accumulated[slot] += POLYNOMIALS[tokens](((signal - before).abs().mean() / before.abs().mean()).item())
            computed.append(accumulated[slot] >= THRESHOLD)
            if computed[-1]:
                accumulated[slot] = 0.0
        previous[slot] = signal
    return computed


@pytest.mark.parametrize("tokens", [1600, 3600])
def test_the_same_calls_are_left_out(tokens: int) -> None:
    caches, ours = [PassCache(THRESHOLD, tokens) for _ in range(3)], []
    for signal in signals():
        for cache in caches:
            calls: list[int] = []

            def blocks(x: Tensor, calls: list[int] = calls) -> Tensor:
                calls.append(1)
                return 2 * x

            cache.through(signal, torch.ones(2, 3), blocks)
            ours.append(bool(calls))
    expected = by_the_spec(tokens)
    assert ours == expected
    assert all(expected[:15])
    assert 15 < sum(expected) < 3 * STEPS  # some are left out, and some computed after that


def test_a_call_left_out_moves_as_far_as_the_last_one_did() -> None:
    cache, still = PassCache(1e9, 1600), torch.ones(6, 4)
    for step in range(5):
        out = cache.through(still, torch.full((2, 3), float(step)), lambda x: x + 10)
        assert torch.equal(out, torch.full((2, 3), step + 10.0))
    out = cache.through(still, torch.full((2, 3), 50.0), lambda x: x + 1000)
    assert torch.equal(out, torch.full((2, 3), 60.0))


@pytest.fixture
def model(tiny_folder: ModelFolder) -> Transformer:
    built = on_meta(tiny_folder)
    check_weights(built, tiny_folder).place(built, Variant(), None, CPU, torch.float32)
    return built


def conditions(model: Transformer, tea_cache: float) -> Conditions:
    config = model.config
    generator = torch.Generator().manual_seed(3)
    text = torch.randn(4, config.text_dim, generator=generator)
    clip = torch.randn(257, config.image_dim, generator=generator)
    audio = torch.randn(1, 5, 5, config.audio_layers, config.audio_dim, generator=generator)
    y = torch.randn(20, 2, 4, 4, generator=generator)
    return Conditions(text, -text, clip, y, audio, torch.ones(3, 4, 4), 0, 25, None, tea_cache)


def computed(model: Transformer, tea_cache: float, steps: int) -> tuple[Tensor, int]:
    """Walks a chunk: the last velocity, and how often the blocks were computed."""
    calls: list[int] = []
    hook = model.blocks[0].register_forward_hook(lambda *_: calls.append(1))
    denoiser = ChunkDenoiser(model, conditions(model, tea_cache), KVCache())
    sampling = Sampling(steps, 7.0, 5.0, 4.0, tea_cache=tea_cache)
    guidance, latent = Guidance(sampling), torch.ones(16, 2, 4, 4)
    with torch.inference_mode():
        for t in timesteps(steps, 7.0)[:-1]:
            velocity = guidance.velocity(denoiser, latent, t)
            latent = latent - 0.01 * velocity
    hook.remove()
    return velocity, len(calls)


def test_every_chunk_begins_anew(model: Transformer) -> None:
    off, every = computed(model, 0.0, 7)
    assert every == 21
    first, fewer = computed(model, 1e9, 7)
    assert fewer == 15  # two steps left out, in each of three passes
    assert not torch.equal(first, off)
    denoiser = ChunkDenoiser(model, conditions(model, 1e9), KVCache())
    with torch.inference_mode():
        for condition in (BOTH, VOICES, NEITHER, BOTH):  # a chunk that was left in the middle
            denoiser(torch.zeros(16, 2, 4, 4), 900.0, condition)
    again, as_few = computed(model, 1e9, 7)
    assert as_few == 15
    assert torch.equal(first, again)


def test_off_is_the_default() -> None:
    assert Sampling(40, 7.0, 5.0, 4.0).tea_cache == 0
    assert not Sampling(40, 7.0, 5.0, 4.0).is_stateful
    assert Sampling(40, 7.0, 5.0, 4.0, tea_cache=0.2).is_stateful


@pytest.mark.parametrize(("text", "audio", "passes"), [(1.0, 2.0, 2), (1.0, 1.0, 1)])
def test_fewer_passes_refuse_it(text: float, audio: float, passes: int) -> None:
    with pytest.raises(ValueError, match=f"these guides take {passes}"):
        Sampling(8, 2.0, text, audio, tea_cache=0.2)
