"""One forward pass against the recorded reference, alone and on real ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.infinitetalk.model import Condition, Transformer, TransformerConfig
from pipeline.infinitetalk.weights.config_file import config_of
from pipeline.rank.group import Group
from support.gloo import on_ranks
from support.parity_data import arrays, cases, needs_parity, parameters, uniform

CASES = cases("dit_cases.json")
SIZES = (1, 2, 4, 8)

Split = dict[int, list[list[tuple[np.ndarray, int]]]]  # by size, rank and case: the output and the bytes sent


def by_name(case: dict[str, Any]) -> str:
    return str(case["case"])


def load(case: dict[str, Any], weights: dict[str, Tensor], group: Group) -> Transformer:
    """The case's model with its weights."""
    model = Transformer.on_meta(config_of(case["config"]), group)
    model.load_state_dict(weights, assign=True, strict=True)
    return model


def forward(model: Transformer, case: dict[str, Any], recorded: dict[str, Tensor]) -> Tensor:
    """The case's forward pass -> [16, T, H, W]."""
    latent = tuple(case["latent"])
    audio = uniform("in.audio", (case["persons"], case["frames"], 5, model.config.audio_layers, model.config.audio_dim))
    with torch.inference_mode():
        condition = Condition(
            text=model.text_condition(uniform("in.text", (case["prompt_tokens"], model.config.text_dim))),
            image=model.image_condition(uniform("in.clip", (1, 257, model.config.image_dim))[0]),
            audio=model.audio_condition(audio, recorded["masks"]),
        )
        y = uniform("in.y", (1, 20, *latent[1:]))[0]
        return model(uniform("in.latent", latent), y, float(recorded["t"]), condition)


def forwards_on_rank(
    group: Group, todo: list[tuple[dict[str, Any], dict[str, Tensor], str]]
) -> list[tuple[np.ndarray, int]]:
    """Each case's output and the bytes it sent, on one rank."""
    results = []
    for case, recorded, weights in todo:
        if case["config"]["num_heads"] % group.size:
            results.append((np.zeros(0), 0))  # refused, see below
            continue
        before = group.bytes_sent
        out = forward(load(case, load_file(weights), group), case, recorded)
        results.append((out.numpy(), group.bytes_sent - before))
    return results


@pytest.fixture(scope="module")
def split_over_ranks(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """By size, rank and case: the output and the bytes sent."""
    folder: Path = tmp_path_factory.mktemp("weights")
    todo = []
    for number, case in enumerate(CASES):
        path = folder / f"{number}.safetensors"
        save_file(parameters(cases(case["parameters"])), path)
        todo.append((case, arrays(f"{case['case']}.npz"), str(path)))
    return on_ranks(SIZES, forwards_on_rank, todo)


@needs_parity
def test_there_are_cases() -> None:
    assert CASES


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_one_forward_equals_the_reference(case: dict[str, Any]) -> None:
    recorded = arrays(f"{case['case']}.npz")
    out = forward(load(case, parameters(cases(case["parameters"])), Group()), case, recorded)
    torch.testing.assert_close(out, recorded["out"][0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_bfloat16_is_near_the_reference(case: dict[str, Any]) -> None:
    recorded = arrays(f"{case['case']}.npz")
    weights = {name: tensor.bfloat16() for name, tensor in parameters(cases(case["parameters"])).items()}
    out = forward(load(case, weights, Group()), case, recorded)
    assert out.dtype == torch.float32
    assert (out - recorded["out"][0]).abs().mean() < 0.02  # 1.2 is the outputs' deviation, 1/256 bfloat16's


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", range(len(CASES)), ids=[by_name(case) for case in CASES])
def test_ranks_agree_with_the_reference_and_each_other(number: int, size: int, split_over_ranks: Split) -> None:
    case = CASES[number]
    if case["config"]["num_heads"] % size:
        pytest.skip(f"{size} ranks do not divide this case's heads: refused, see below")
    recorded = arrays(f"{case['case']}.npz")["out"][0].numpy()
    outs = [ranks[number][0] for ranks in split_over_ranks[size]]
    for out in outs:
        np.testing.assert_allclose(out, recorded, atol=1e-4, rtol=0)
        np.testing.assert_allclose(out, outs[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", range(len(CASES)), ids=[by_name(case) for case in CASES])
def test_only_heads_travel_and_the_output_once(number: int, size: int, split_over_ranks: Split) -> None:
    case = CASES[number]
    config, (_, frames, height, width) = config_of(case["config"]), case["latent"]
    if config.num_heads % size:
        pytest.skip(f"{size} ranks do not divide this case's heads: refused, see below")
    count = frames * height * width // 4
    for rank, forwards in enumerate(split_over_ranks[size]):
        share = count // size + (rank < count % size)
        there = 3 * share * config.dim * (size - 1) // size  # q, k, v of the tokens here
        back = (count - share) * config.dim // size  # what the heads here made of the others' tokens
        face_map = 0 if case["persons"] == 1 else 3 * (count - share) + 4 * (size - 1)
        output = -(-count // size) * 4 * config.out_dim * (size - 1)
        assert forwards[number][1] == 4 * (config.num_layers * (there + back + face_map) + output)


def test_heads_that_ranks_do_not_divide_are_refused() -> None:
    three = Group()
    three.size = 3
    with pytest.raises(ValueError, match="8 heads cannot be split over 3 ranks"):
        Transformer.on_meta(TransformerConfig(dim=192, num_heads=8), three)


def test_an_empty_mask_is_refused() -> None:
    tiny = TransformerConfig(
        dim=8, ffn_dim=8, num_heads=1, num_layers=0, intermediate_dim=2, output_dim=2, audio_dim=2, context_tokens=1
    )
    model = Transformer.on_meta(tiny, Group()).to_empty(device="cpu")
    masks = torch.zeros(3, 4, 4)
    masks[0], masks[2, 1, 1] = 1, 1  # the background's only pixel is not one that a token reads
    masks[1, 0, 0] = 1
    with pytest.raises(ValueError, match="the background covers no token"):
        model.audio_condition(torch.zeros(2, 5, 5, 12, 2), masks)


def test_the_published_size_has_the_published_parameters() -> None:
    model = Transformer.on_meta(TransformerConfig(), Group())
    counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
    adapter = [
        name for name in counts if name.startswith("audio_proj.") or ".audio_cross_attn." in name or ".norm_x." in name
    ]
    assert (len(counts), len(adapter)) == (1303 + 330, 330)
    assert sum(counts[name] for name in adapter) == 2_487_168_000
    assert sum(counts.values()) == 2_487_168_000 + 16_394_878_784
