"""A published config.json, of either layout, to the sizes of the transformer."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from pipeline.infinitetalk.model import TransformerConfig
from pipeline.infinitetalk.weights.diffusers_layout import published_config

# Keys of a config.json that this code knows in one value only, and that value.
ONLY_KNOWN = {
    "model_type": "i2v",
    "eps": 1e-6,
    "patch_size": [1, 2, 2],
    "window_size": [-1, -1],
    "qk_norm": True,
    "cross_attn_norm": True,
}


def read_config(path: Path) -> TransformerConfig:
    """Read a config.json of either layout. ValueError, OSError or KeyError where it is none."""
    values = json.loads(path.read_text())
    return config_of(published_config(values) if "attention_head_dim" in values else values)


def config_of(values: dict[str, Any]) -> TransformerConfig:
    """Take the values of a published config.json. ValueError for a model of another kind."""
    known = {field.name for field in fields(TransformerConfig)}
    sizes: dict[str, int] = {}
    for key, value in values.items():
        if key.startswith("_"):
            continue
        if key in known:
            sizes[key] = value
        elif key not in ONLY_KNOWN:
            raise ValueError(f"config.json: {key} is not a setting of this model")
        elif value != ONLY_KNOWN[key]:
            raise ValueError(f"config.json: {key} is {value!r}; only {ONLY_KNOWN[key]!r} is implemented")
    return TransformerConfig(**sizes)
