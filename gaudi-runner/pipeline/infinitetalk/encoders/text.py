"""The prompt: cleaned, cut into tokens, encoded by umT5."""

from __future__ import annotations

import html
import re
from pathlib import Path

import ftfy
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import UMT5Config, UMT5EncoderModel

from pipeline.infinitetalk.encoders.fill import fill, indices

LONGEST = 512  # tokens that the transformer reads, the end token included


class TextEncoder:
    """umT5 and its tokenizer."""

    def __init__(self, tensors: dict[str, Tensor], tokenizer: Path, device: torch.device, dtype: torch.dtype) -> None:
        self.tokenizer = read_tokenizer(tokenizer)
        self.model = build_umt5(tensors, device, dtype)

    def encode(self, prompt: str) -> Tensor:
        """Encode a prompt to [tokens, width], the end token included, unpadded.

        The original pads to 512 and cuts the padding off afterwards, which changes nothing but the rounding.
        """
        ids = self.tokenizer.encode(clean(prompt)).ids
        with torch.inference_mode():
            return self.model(torch.tensor([ids], device=self.model.device)).last_hidden_state[0]


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json. ValueError where it is missing or does not end a text with the end token."""
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)  # the end token stays
    if tokenizer.encode("").ids != [tokenizer.token_to_id("</s>")]:
        raise ValueError(f"{path} does not end a text with </s>")
    return tokenizer


def clean(prompt: str) -> str:
    """Repair, unescape and collapse a prompt as the model's training did."""
    unescaped = html.unescape(html.unescape(ftfy.fix_text(prompt))).strip()
    return re.sub(r"\s+", " ", unescaped).strip()


def build_umt5(tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype) -> UMT5EncoderModel:
    """Build the encoder from tensors under published names or the library's; the sizes are those of the tensors."""
    named = {library_name(name): tensor for name, tensor in tensors.items()}
    table = named["shared.weight"] if "shared.weight" in named else named["encoder.embed_tokens.weight"]
    named["shared.weight"] = named["encoder.embed_tokens.weight"] = table
    first = "encoder.block.0.layer"
    buckets, heads = named[f"{first}.0.SelfAttention.relative_attention_bias.weight"].shape
    config = UMT5Config(
        vocab_size=table.shape[0],
        d_model=table.shape[1],
        d_kv=named[f"{first}.0.SelfAttention.q.weight"].shape[0] // heads,
        d_ff=named[f"{first}.1.DenseReluDense.wi_1.weight"].shape[0],
        num_layers=len(indices(named, "encoder.block.")),
        num_heads=heads,
        relative_attention_num_buckets=buckets,
        relative_attention_max_distance=128,
        feed_forward_proj="gated-gelu",
        layer_norm_epsilon=1e-6,
        attn_implementation="eager",  # the original's arithmetic to the bit in bfloat16; sdpa is off by 0.06
    )
    return fill(lambda: UMT5EncoderModel(config), named, device, dtype)


PARTS = {
    "norm1": "layer.0.layer_norm",
    "norm2": "layer.1.layer_norm",
    "attn.q": "layer.0.SelfAttention.q",
    "attn.k": "layer.0.SelfAttention.k",
    "attn.v": "layer.0.SelfAttention.v",
    "attn.o": "layer.0.SelfAttention.o",
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}


def library_name(published: str) -> str:
    """Name a tensor of the published file as the library's class does."""
    match published.removesuffix(".weight").split(".", 2):
        case ["blocks", number, part] if part in PARTS:
            return f"encoder.block.{number}.{PARTS[part]}.weight"
        case ["token_embedding"]:
            return "shared.weight"
        case ["norm"]:
            return "encoder.final_layer_norm.weight"
    return published  # the library's already, or nobody's: `fill` refuses that
