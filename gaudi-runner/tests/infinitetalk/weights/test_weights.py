"""Weights are checked as a whole, then read once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import Variant, WeightsError, check_weights
from support.weights import CPU, WEIGHT, loaded, on_meta, problems_of

FIRST = "diffusion_pytorch_model-00001-of-00002.safetensors"


def change(path: Path, **tensors: Tensor | None) -> None:
    """Replaces tensors of a file; None takes one out."""
    stored = {**load_file(path), **tensors}
    save_file({name: tensor for name, tensor in stored.items() if tensor is not None}, path)


def test_every_parameter_is_the_file_s(tiny_folder: ModelFolder) -> None:
    parameters = loaded(tiny_folder)
    stored = [load_file(path) for path in (*tiny_folder.shards(), tiny_folder.adapter(1))]
    assert sum(len(file) for file in stored) == len(parameters)
    for file in stored:
        assert all(torch.equal(parameters[name], tensor) for name, tensor in file.items())


def test_two_voices_swap_the_audio_layers_only(tiny_folder: ModelFolder) -> None:
    model = on_meta(tiny_folder)
    weights = check_weights(model, tiny_folder)
    weights.place(model, Variant(voices=1), None, CPU, torch.float32)
    before = dict(model.named_parameters())
    weights.place(model, Variant(voices=2), Variant(voices=1), CPU, torch.float32)
    multi = load_file(tiny_folder.adapter(2))
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, multi.get(name, before[name]))
        assert (name in multi) == (parameter is not before[name])


def test_without_multi_two_voices_get_single(broken_folder: ModelFolder) -> None:
    broken_folder.adapter(2).unlink()
    assert broken_folder.adapter(2) == broken_folder.adapter(1)


def test_a_missing_shard_is_named(broken_folder: ModelFolder) -> None:
    (broken_folder.base / FIRST).unlink()
    (problem,) = problems_of(broken_folder)
    assert problem.endswith(f"{FIRST} is missing")


def test_a_shard_cut_short_is_named(broken_folder: ModelFolder) -> None:
    path = broken_folder.base / FIRST
    path.write_bytes(path.read_bytes()[:-100])
    assert "download it again" in problems_of(broken_folder)[0]
    path.write_bytes(path.read_bytes()[:100])
    assert "cut short" in problems_of(broken_folder)[0]


def test_wrong_names_shapes_and_types_are_all_told(broken_folder: ModelFolder) -> None:
    fp8 = torch.zeros(64, 64, dtype=torch.float8_e4m3fn)
    path = broken_folder.base / FIRST
    key, value = (f"blocks.0.self_attn.{part}.weight" for part in "kv")
    change(path, **{WEIGHT: torch.zeros(64, 65), key: fp8, value: None, "norm1.weight": torch.zeros(1)})
    told = "\n".join(problems_of(broken_folder))
    assert f"{WEIGHT} has shape [64, 65], not [64, 64]" in told
    assert f"{key} is F8_E4M3, not one of F32 BF16 F16" in told
    assert f"{value} is missing" in told
    assert "norm1.weight is not a parameter of this model" in told


def test_the_message_shows_ten_problems_and_counts_the_rest(broken_folder: ModelFolder) -> None:
    save_file({"nothing": torch.zeros(1)}, broken_folder.base / FIRST)
    with pytest.raises(WeightsError) as raised:
        check_weights(on_meta(broken_folder), broken_folder)
    lines = str(raised.value).splitlines()
    assert lines[11] == f"... and {len(raised.value.problems) - 10} more"
    assert "huggingface.co/Wan-AI/Wan2.1-I2V-14B-480P" in lines[13]


def test_other_weights_have_another_identity(broken_folder: ModelFolder) -> None:
    before = check_weights(on_meta(broken_folder), broken_folder).identity("quality")
    assert check_weights(on_meta(broken_folder), broken_folder).identity("quality") == before
    change(broken_folder.adapter(2), **{"audio_proj.norm.weight": torch.zeros(32)})
    assert check_weights(on_meta(broken_folder), broken_folder).identity("quality") != before
