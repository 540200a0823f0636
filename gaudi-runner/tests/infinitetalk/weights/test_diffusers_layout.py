"""The base model in diffusers' folders is the same model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from pipeline.infinitetalk.device import choose_device
from pipeline.infinitetalk.encoders.published import load_encoders
from pipeline.infinitetalk.model import Condition, Transformer, TransformerConfig
from pipeline.infinitetalk.weights.diffusers_layout import published_config, published_name
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import WeightsError, check_weights, is_adapter
from pipeline.rank.group import Group
from support.parity_data import uniform
from support.weights import loaded, on_meta
from tools.tiny_diffusers import to_diffusers, transformer_of


@pytest.fixture
def other_folder(tiny_folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """The tiny model in the other layout."""
    return to_diffusers(ModelFolder(Path(shutil.copytree(tiny_folder.root, tmp_path / "model"))))


def test_every_parameter_of_diffusers_class_is_one_of_ours_in_its_shape() -> None:
    theirs = {
        published_name(name): tuple(it.shape) for name, it in transformer_of(TransformerConfig()).named_parameters()
    }
    ours = dict(Transformer.on_meta(TransformerConfig(), Group()).named_parameters())
    assert theirs == {name: tuple(it.shape) for name, it in ours.items() if not is_adapter(name)}


def test_both_layouts_are_the_same_weights(tiny_folder: ModelFolder, other_folder: ModelFolder) -> None:
    assert other_folder.diffusers
    assert not other_folder.base.with_name("Wan2.1-I2V-14B-480P").exists()
    ours, theirs = loaded(tiny_folder), loaded(other_folder)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_both_layouts_encode_alike(tiny_folder: ModelFolder, other_folder: ModelFolder) -> None:
    problems: list[str] = []
    ours, theirs = (load_encoders(folder, choose_device("cpu"), problems) for folder in (tiny_folder, other_folder))
    assert problems == []
    assert ours is not None
    assert theirs is not None
    picture, frames = uniform("layout.picture", (3, 32, 48)), uniform("layout.frames", (3, 5, 32, 48))
    assert torch.equal(ours.text.encode("a prompt"), theirs.text.encode("a prompt"))
    assert torch.equal(ours.picture.encode(picture), theirs.picture.encode(picture))
    latent = ours.latents.encode(frames)
    assert torch.equal(latent, theirs.latents.encode(frames))
    assert torch.equal(ours.latents.decode(latent), theirs.latents.decode(latent))


def test_diffusers_class_gives_our_numbers_where_nobody_speaks(tiny_folder: ModelFolder) -> None:
    weights = loaded(tiny_folder)
    silent = {name: it * 0 if ".audio_cross_attn.proj." in name else it for name, it in weights.items()}
    model = on_meta(tiny_folder)
    model.load_state_dict(silent, assign=True)
    config = model.config
    theirs = transformer_of(config, "cpu").eval()
    theirs.load_state_dict({name: weights[published_name(name)] for name in theirs.state_dict()})

    x, text, clip = (
        uniform("in.x", (36, 2, 8, 6)),
        uniform("in.text", (7, config.text_dim)),
        uniform("in.clip", (257, 80)),
    )
    with torch.inference_mode():
        audio = torch.zeros(1, 5, 5, config.audio_layers, config.audio_dim)
        voices = model.audio_condition(audio, torch.ones(3, 8, 6))
        condition = Condition(model.text_condition(text), model.image_condition(clip), voices)
        ours = model(x[:16], x[16:], 500.0, condition)
        padded = torch.nn.functional.pad(text, (0, 0, 0, config.text_len - 7))
        given = (x[None], torch.tensor([500.0]), padded[None], clip[None])
        out = theirs(*given, return_dict=False)[0][0]
    torch.testing.assert_close(ours, out, atol=1e-5, rtol=0)


def test_what_is_missing_is_told_with_where_this_layout_is_to_be_had(other_folder: ModelFolder) -> None:
    first, second = other_folder.shards()
    first.unlink()
    second.write_bytes(second.read_bytes()[:-100])
    other_folder.text_encoder[1].unlink()
    with pytest.raises(WeightsError) as raised:
        check_weights(on_meta(other_folder), other_folder)
    told = str(raised.value)
    assert "diffusion_pytorch_model-00001-of-00002.safetensors is missing" in told
    assert "download it again" in told
    assert "huggingface.co/Wan-AI/Wan2.1-I2V-14B-480P-Diffusers" in told
    problems: list[str] = []
    assert load_encoders(other_folder, choose_device("cpu"), problems) is None
    assert problems[0].endswith("model-00002-of-00002.safetensors is missing")


@pytest.mark.parametrize(
    ("changed", "message"), [({"qk_norm": None}, "qk_norm is None"), ({"added_kv_proj_dim": None}, "image-to-video")]
)
def test_another_kind_of_model_is_refused(other_folder: ModelFolder, changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        published_config({**json.loads(other_folder.config.read_text()), **changed})
