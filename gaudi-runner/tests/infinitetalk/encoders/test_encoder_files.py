"""What is wrong with an encoder's file is found before any rank starts, and said with the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.infinitetalk.device import choose_device
from pipeline.infinitetalk.encoders.published import load_encoders
from pipeline.infinitetalk.weights.model_folder import ModelFolder

Tensors = dict[str, Tensor]
KEY = "blocks.1.attn.q.weight"


def problems_of(folder: ModelFolder) -> list[str]:
    problems: list[str] = []
    assert load_encoders(folder, choose_device("cpu"), problems) is None
    return problems


def without(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name != KEY}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda given: without(given), "SelfAttention.q.weight is missing"),
        (lambda given: {**given, "extra": torch.zeros(1)}, "extra is not known"),
        (lambda given: {**given, KEY: given[KEY][:, :-1].clone()}, "has shape [32, 31], not [32, 32]"),
        (lambda given: {**given, KEY: given[KEY].to(torch.int8)}, "is torch.int8, which is no kind of float"),
        (lambda given: {"other": torch.zeros(1)}, "has no encoder.embed_tokens.weight"),
    ],
)
def test_another_model_in_a_pth_is_named(
    broken_folder: ModelFolder, change: Callable[[Tensors], Tensors], told: str
) -> None:
    (path,) = broken_folder.text_encoder
    torch.save(change(torch.load(path)), path)
    (problem,) = problems_of(broken_folder)
    assert problem.startswith(str(path))
    assert told in problem


def test_ten_problems_are_told_and_the_rest_counted(broken_folder: ModelFolder) -> None:
    (path,) = broken_folder.text_encoder
    torch.save({**torch.load(path), **{f"extra.{n}": torch.zeros(1) for n in range(13)}}, path)
    (problem,) = problems_of(broken_folder)
    assert problem.endswith("and 3 more")


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_a_pth_cut_short_is_named(broken_folder: ModelFolder, kept: float) -> None:
    cut = []
    for (path,) in (broken_folder.text_encoder, broken_folder.picture_encoder, broken_folder.latent_coder):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
        cut.append(path)
    for path, problem in zip(cut, problems_of(broken_folder), strict=True):
        assert problem.startswith(f"{path} is cut short or no file of tensors")


def test_a_missing_file_of_a_voice_is_named(broken_folder: ModelFolder) -> None:
    broken_folder.voice_config.unlink()
    assert "config.json" in problems_of(broken_folder)[0]
    (path,) = broken_folder.voice_encoder
    path.write_bytes(path.read_bytes()[:-1])
    assert "download it again" in problems_of(broken_folder)[0]


def test_all_files_that_are_missing_are_told(broken_folder: ModelFolder) -> None:
    paths: list[Path] = []
    for (path,) in (broken_folder.text_encoder, broken_folder.picture_encoder, broken_folder.voice_encoder):
        path.unlink()
        paths.append(path)
    assert problems_of(broken_folder) == [f"{path} is missing" for path in paths]
