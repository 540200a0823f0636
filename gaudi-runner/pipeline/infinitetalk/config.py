"""Sizes of the transformer.

The defaults are the published 14B model; a `config.json` overrides them, so that the same code builds a model of
any size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .diffusers_layout import published_config

# Keys of a config.json that this code knows in one value only, and that value.
ONLY_KNOWN = {
    "model_type": "i2v",
    "eps": 1e-6,
    "patch_size": [1, 2, 2],
    "window_size": [-1, -1],
    "qk_norm": True,
    "cross_attn_norm": True,
}


@dataclass(frozen=True)
class TransformerConfig:
    """Field names are the published ones; those below the line are constants of the original code."""

    dim: int = 5120
    ffn_dim: int = 13824
    freq_dim: int = 256
    in_dim: int = 36
    out_dim: int = 16
    num_heads: int = 40
    num_layers: int = 40
    text_len: int = 512
    # ---
    text_dim: int = 4096
    image_dim: int = 1280
    audio_layers: int = 12
    audio_dim: int = 768
    intermediate_dim: int = 512
    output_dim: int = 768
    context_tokens: int = 32

    def __post_init__(self) -> None:
        if self.dim % self.num_heads or (self.dim // self.num_heads) % 2:
            raise ValueError(f"dim {self.dim} does not split into {self.num_heads} heads of even width")

    def check_ranks(self, ranks: int) -> None:
        """See that every rank gets as many heads. ValueError."""
        if self.num_heads % ranks:
            raise ValueError(f"{self.num_heads} heads cannot be split over {ranks} ranks")

    @property
    def head_width(self) -> int:
        """Channels of one head."""
        return self.dim // self.num_heads

    @classmethod
    def from_published(cls, values: dict[str, Any]) -> TransformerConfig:
        """Take the values of a published config.json. ValueError for a model of another kind."""
        known = {field.name for field in fields(cls)}
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
        return cls(**sizes)

    @classmethod
    def read(cls, path: Path) -> TransformerConfig:
        """Read a config.json of either layout. ValueError, OSError or KeyError where it is none."""
        values = json.loads(path.read_text())
        return cls.from_published(published_config(values) if "attention_head_dim" in values else values)
