"""The transformer with weights of a folder, as the tests of weights want it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.infinitetalk.model import Transformer
from pipeline.infinitetalk.weights.config_file import read_config
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import Variant, WeightsError, check_weights
from pipeline.rank.group import Group

CPU = torch.device("cpu")
WEIGHT = "blocks.0.self_attn.q.weight"


def on_meta(folder: ModelFolder) -> Transformer:
    return Transformer.on_meta(read_config(folder.config), Group())


def problems_of(folder: ModelFolder) -> list[str]:
    with pytest.raises(WeightsError) as raised:
        check_weights(on_meta(folder), folder)
    return raised.value.problems


def loaded(folder: ModelFolder, *variants: Variant) -> dict[str, Tensor]:
    """The parameters after these variants were put in place, one after the other."""
    model, placed = on_meta(folder), None
    weights = check_weights(model, folder)
    for variant in variants or (Variant(),):
        weights.place(model, variant, placed, CPU, torch.float32)
        placed = variant
    return dict(model.named_parameters())
