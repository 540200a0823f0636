"""LoRAs are merged once, by the preset of the job, and leave nothing behind."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import Variant, check_weights
from support.weights import CPU, WEIGHT, loaded, on_meta, problems_of

QUALITY, FAST, TURBO = Variant(), Variant(preset="fast"), Variant(preset="turbo")


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
def test_a_pair_is_merged_once(broken_folder: ModelFolder, prefix: str, down: str, up: str, factor: float) -> None:
    stem = prefix + WEIGHT.removesuffix(".weight")
    stored = pair(stem, down, up)
    save_file({**stored, f"{stem}.alpha": torch.tensor(2.0)}, broken_folder.lora("fast"))
    before, after = loaded(broken_folder), loaded(broken_folder, FAST)
    lower, upper = stored.values()
    torch.testing.assert_close(after[WEIGHT], before[WEIGHT] + factor * (upper @ lower))
    assert all(torch.equal(before[name], after[name]) for name in before if name != WEIGHT)


def test_a_preset_changes_what_its_file_says_and_no_more(tiny_folder: ModelFolder) -> None:
    before, after = loaded(tiny_folder), loaded(tiny_folder, FAST)
    stored = {name: tensor.float() for name, tensor in load_file(tiny_folder.lora("fast")).items()}
    changed = set()
    for name, value in before.items():
        stem, _, kind = name.rpartition(".")
        key = f"diffusion_model.{stem}"
        expected = value
        if kind == "weight" and f"{key}.lora_up.weight" in stored:
            expected = value + stored[f"{key}.lora_up.weight"] @ stored[f"{key}.lora_down.weight"]
        for ending in ("diff",) if kind == "weight" else ("diff_b",):
            expected = expected + stored.get(f"{key}.{ending}", torch.zeros(()))
        torch.testing.assert_close(after[name], expected)
        if not torch.equal(after[name], value):
            changed.add(name)
    lora = check_weights(on_meta(tiny_folder), tiny_folder).loras["fast"]
    assert changed == set(lora.changes)
    assert lora.left_out == ["diffusion_model.blocks.0.diff_m", "diffusion_model.blocks.1.diff_m"]
    assert f"{lora.applied} of {len(stored)} keys merged" in str(lora)


@pytest.mark.parametrize(
    "way",
    [
        [QUALITY, FAST, QUALITY],
        [QUALITY, FAST, TURBO],
        [TURBO, QUALITY, Variant(2, "fast"), FAST],
        [FAST, Variant(2, "turbo"), Variant(1, "turbo"), Variant(2, "turbo")],
    ],
)
def test_any_way_leads_to_the_bits_of_fresh_loading(tiny_folder: ModelFolder, way: list[Variant]) -> None:
    fresh, swapped = loaded(tiny_folder, way[-1]), loaded(tiny_folder, *way)
    assert all(torch.equal(fresh[name], swapped[name]) for name in fresh)


def test_only_what_a_preset_touches_is_read_again(tiny_folder: ModelFolder) -> None:
    model = on_meta(tiny_folder)
    weights = check_weights(model, tiny_folder)
    weights.place(model, QUALITY, None, CPU, torch.float32)
    before, beats = dict(model.named_parameters()), []
    weights.place(model, FAST, QUALITY, CPU, torch.float32, lambda: beats.append(1))
    again = {name for name, parameter in model.named_parameters() if parameter is not before[name]}
    assert again == set(weights.loras["fast"].changes)
    assert len(beats) == len(again)


def test_presets_without_their_file_are_not_there(broken_folder: ModelFolder) -> None:
    broken_folder.lora("turbo").unlink()
    assert list(check_weights(on_meta(broken_folder), broken_folder).loras) == ["fast"]


def test_every_preset_has_an_identity_of_its_own(tiny_folder: ModelFolder) -> None:
    weights = check_weights(on_meta(tiny_folder), tiny_folder)
    assert len({weights.identity(preset) for preset in ("quality", "fast", "turbo")}) == 3


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"transformer.x.lora_C.weight": torch.zeros(1)}, "changes nothing"),
        (pair("diffusion_model.blocks.9.ffn.0", "lora_down", "lora_up"), "which the model does not have"),
        (pair("diffusion_model.blocks.0.ffn.0", "lora_down", "lora_up"), "is not of the shape"),
    ],
)
def test_a_lora_of_another_model_is_refused(
    broken_folder: ModelFolder, tensors: dict[str, Tensor], message: str
) -> None:
    save_file(tensors, broken_folder.lora("fast"))
    assert message in problems_of(broken_folder)[0]
