"""The libraries' encoders on published weights, number by number against the recorded reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import Wav2Vec2Config
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2FeatureEncoder

from pipeline.infinitetalk.encoders.latents import LatentCoder
from pipeline.infinitetalk.encoders.picture import PictureEncoder, prepare
from pipeline.infinitetalk.encoders.speech_features import NormalizedSignal, SpeechFeatures
from pipeline.infinitetalk.encoders.text import build_umt5, clean
from pipeline.infinitetalk.encoders.voice import VoiceEncoder, at_frames
from pipeline.voices.signals import Sound
from support.parity_data import arrays, cases, needs_parity, parameters, uniform

CPU = torch.device("cpu")
DESCRIBED = cases("encoders_cases.json") or {}
PARAMETERS = cases("encoders_parameters.json") or {}


def cases_of(part: str) -> pytest.MarkDecorator:
    """One test a case."""
    described = DESCRIBED.get(part, {}).get("cases", [])
    return pytest.mark.parametrize("case", described, ids=[case["out"] for case in described])


def recorded(part: str) -> dict[str, Tensor]:
    return arrays(DESCRIBED[part]["file"])


def near(ours: Tensor, theirs: Tensor, largest: float) -> None:
    torch.testing.assert_close(ours.float(), theirs, atol=largest, rtol=0)


@needs_parity
def test_there_are_cases_of_every_part() -> None:
    assert all(DESCRIBED[part]["cases"] for part in ("vae", "t5", "clip", "audio"))


@cases_of("vae")
def test_latents_equal_the_reference(case: dict[str, Any]) -> None:
    coder = LatentCoder(parameters(PARAMETERS["vae"]), CPU)
    given = uniform(case["input"], tuple(case["shape"]))
    out = coder.encode(given[0]) if case["out"].startswith("encode") else coder.decode(given)
    near(out, recorded("vae")[case["out"]], 1e-5)


@needs_parity
def test_a_first_frame_alone_is_the_first_latent() -> None:
    coder = LatentCoder(parameters(PARAMETERS["vae"]), CPU)
    frames = uniform("vae.in9", (3, 9, 32, 48))
    assert torch.equal(coder.encode(frames[:, :1]), coder.encode(frames)[:, :1])


@cases_of("t5")
def test_text_equals_the_reference(case: dict[str, Any]) -> None:
    stored = recorded("t5")
    model = build_umt5(parameters(PARAMETERS["t5"]), CPU, torch.float32)
    ids = stored[case["ids"]].long()
    if "mask" in case:
        out = model(ids, attention_mask=stored[case["mask"]].long()).last_hidden_state
    else:
        rows = torch.arange(0, 150, 15)
        out = model(ids[None]).last_hidden_state[0, rows]
    near(out, stored[case["out"]], 1e-5)


@cases_of("clip")
def test_pictures_equal_the_reference(case: dict[str, Any]) -> None:
    config = DESCRIBED["clip"]["config"]
    stored = recorded("clip")
    width = config["dim"] // config["num_heads"]
    encoder = PictureEncoder(parameters(PARAMETERS["clip"]), CPU, torch.float32, head_width=width)
    given = uniform(case["input"], tuple(case["shape"]))
    match case["out"].split("_"):
        case ["tower"]:
            out = encoder.tower(given)
        case ["visual"]:
            out = encoder.encode(given[0, :, 0])[None]
        case ["prepared", size]:
            out = prepare(given[:, :, 0], int(size))
        case ["prepared", size, *_]:
            out = prepare(given[:, :, 0], int(size))[..., 8:217:16, 8:217:16]
    near(out, stored[case["out"]], 1e-5)


@cases_of("audio")
def test_voices_equal_the_reference(case: dict[str, Any]) -> None:
    encoder = VoiceEncoder(parameters(PARAMETERS["audio"]), DESCRIBED["audio"]["config"], CPU)
    (out,) = encoder.embed(Sound(uniform(case["input"], (case["samples"],)).double().numpy()), case["frames"])
    near(out, recorded("audio")[case["out"]], 1e-5)


def normal(signal: Tensor) -> Tensor:
    wide = signal.double()
    return ((wide - wide.mean()) / (wide.var(correction=0) + 1e-7).sqrt()).float()


def in_windows(extractor: Wav2Vec2FeatureEncoder, signal: Tensor, window: int) -> Tensor:
    features = SpeechFeatures(extractor, NormalizedSignal(Sound(signal.double().numpy())), CPU, window)
    return features.of(0, features.count)


@pytest.mark.parametrize("samples", [16_000, 16_399, 400])
@pytest.mark.parametrize("window", [1, 7, 49, 1500])
def test_windows_of_a_voice_equal_the_whole(samples: int, window: int) -> None:
    config = Wav2Vec2Config(conv_dim=[16] * 7, feat_extract_norm="group")
    torch.manual_seed(0)
    extractor = Wav2Vec2FeatureEncoder(config).requires_grad_(False)
    signal = uniform("audio.long", (samples,))
    near(in_windows(extractor, signal, window), extractor(normal(signal)[None])[0], 1e-5)


def test_windows_equal_the_whole_where_every_layer_has_its_norm() -> None:
    config = Wav2Vec2Config(conv_dim=[16] * 7, feat_extract_norm="layer", conv_bias=True)
    torch.manual_seed(0)
    extractor = Wav2Vec2FeatureEncoder(config).requires_grad_(False)
    signal = uniform("audio.long", (16_000,))
    near(in_windows(extractor, signal, 7), extractor(normal(signal)[None])[0], 1e-5)


@needs_parity
def test_a_long_voice_is_embedded_in_windows_that_know_their_neighbours() -> None:
    encoder = VoiceEncoder(parameters(PARAMETERS["audio"]), DESCRIBED["audio"]["config"], CPU)
    signal = Sound(uniform("audio.long", (64_000,)).double().numpy())
    (whole,) = encoder.embed(signal, 100)
    pieces = list(encoder.embed(signal, 100, window=99, context=40))
    assert [piece.shape[0] for piece in pieces] == [19] * 5 + [5]
    together = torch.cat(pieces)
    # Attention sees the window, not the sound: of random weights and noise not much more than this can be asked.
    assert torch.corrcoef(torch.stack([together.flatten(), whole.flatten()]))[0, 1] > 0.9


def test_features_at_some_frames_are_those_at_all_frames() -> None:
    torch.manual_seed(0)
    extractor = Wav2Vec2FeatureEncoder(Wav2Vec2Config(conv_dim=[16] * 7)).requires_grad_(False)
    features = SpeechFeatures(
        extractor, NormalizedSignal(Sound(uniform("audio.long", (64_000,)).double().numpy())), CPU
    )
    whole = interpolate(features.of(0, features.count)[None], size=101, mode="linear", align_corners=True)[0]
    for first, last in ((0, 101), (0, 1), (19, 57), (100, 101)):
        near(at_frames(features, first, last, 101), whole[:, first:last], 1e-5)


def test_a_prompt_is_cleaned_as_in_training() -> None:
    assert clean("  a &amp;amp; b\n\n\tcafÃ© ") == "a & b café"
