"""Weights are checked as a whole, then read once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.group import Group
from pipeline.infinitetalk.config import TransformerConfig
from pipeline.infinitetalk.model_folder import ModelFolder
from pipeline.infinitetalk.transformer import Transformer
from pipeline.infinitetalk.weights import WeightsError, check_weights

CPU = torch.device("cpu")
FIRST = "diffusion_pytorch_model-00001-of-00002.safetensors"
WEIGHT = "blocks.0.self_attn.q.weight"


def on_meta(folder: ModelFolder) -> Transformer:
    return Transformer.on_meta(TransformerConfig.read(folder.config), Group())


def problems_of(folder: ModelFolder, loras: tuple[tuple[Path, float], ...] = ()) -> list[str]:
    with pytest.raises(WeightsError) as raised:
        check_weights(on_meta(folder), folder, loras)
    return raised.value.problems


def loaded(folder: ModelFolder, voices: int = 1, loras: tuple[tuple[Path, float], ...] = ()) -> dict[str, Tensor]:
    model = on_meta(folder)
    check_weights(model, folder, loras).load(model, voices, CPU, torch.float32)
    return dict(model.named_parameters())


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
    weights.load(model, 1, CPU, torch.float32)
    before = dict(model.named_parameters())
    weights.load_adapter(model, 2, CPU, torch.float32)
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
    before = check_weights(on_meta(broken_folder), broken_folder).identity
    assert check_weights(on_meta(broken_folder), broken_folder).identity == before
    change(broken_folder.adapter(2), **{"audio_proj.norm.weight": torch.zeros(32)})
    assert check_weights(on_meta(broken_folder), broken_folder).identity != before


def pair(prefix: str, down: str, up: str) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = {f"{prefix}.{down}.weight": (4, 64), f"{prefix}.{up}.weight": (64, 4)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("prefix", "down", "up", "factor"),
    [
        ("diffusion_model.", "lora_down", "lora_up", 1.0),  # alpha is ignored, as in the original
        ("diffusion_model.", "lora_A", "lora_B", 0.5),
        ("base_model.model.", "lora_A", "lora_B", 0.5),
        ("base_model.model.", "lora_A.default", "lora_B.default", 0.5),
    ],
)
def test_a_pair_is_merged_once(
    tiny_folder: ModelFolder, tmp_path: Path, prefix: str, down: str, up: str, factor: float
) -> None:
    stem = prefix + WEIGHT.removesuffix(".weight")
    stored = pair(stem, down, up)
    save_file({**stored, f"{stem}.alpha": torch.tensor(2.0)}, tmp_path / "lora.safetensors")
    before, after = loaded(tiny_folder), loaded(tiny_folder, loras=((tmp_path / "lora.safetensors", 1.2),))
    lower, upper = stored.values()
    torch.testing.assert_close(after[WEIGHT], before[WEIGHT] + 1.2 * factor * (upper @ lower))
    assert all(torch.equal(before[name], after[name]) for name in before if name != WEIGHT)


def test_a_lora_of_the_audio_layers_stays_when_they_are_swapped(tiny_folder: ModelFolder, tmp_path: Path) -> None:
    name = "blocks.1.audio_cross_attn.proj"
    difference = {f"diffusion_model.{name}.diff": torch.ones(64, 64), f"diffusion_model.{name}.diff_b": torch.ones(64)}
    save_file({**difference, "diffusion_model.x.diff_m": torch.ones(1)}, tmp_path / "lora.safetensors")
    model = on_meta(tiny_folder)
    weights = check_weights(model, tiny_folder, [(tmp_path / "lora.safetensors", 0.5)])
    assert (weights.loras[0].applied, weights.loras[0].left_out) == (2, ["diffusion_model.x.diff_m"])
    for voices in (1, 2, 1):
        weights.load_adapter(model, voices, CPU, torch.float32)
        stored = load_file(tiny_folder.adapter(voices))
        torch.testing.assert_close(model.get_parameter(f"{name}.weight"), stored[f"{name}.weight"] + 0.5)
        torch.testing.assert_close(model.get_parameter(f"{name}.bias"), stored[f"{name}.bias"] + 0.5)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"transformer.x.lora_C.weight": torch.zeros(1)}, "changes nothing"),
        (pair("diffusion_model.blocks.9.ffn.0", "lora_down", "lora_up"), "which the model does not have"),
        (pair("diffusion_model.blocks.0.ffn.0", "lora_down", "lora_up"), "is not of the shape"),
    ],
)
def test_a_lora_of_another_model_is_refused(
    tiny_folder: ModelFolder, tmp_path: Path, tensors: dict[str, Tensor], message: str
) -> None:
    save_file(tensors, tmp_path / "lora.safetensors")
    assert message in problems_of(tiny_folder, ((tmp_path / "lora.safetensors", 1.0),))[0]
