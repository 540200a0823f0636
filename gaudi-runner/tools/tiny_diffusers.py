"""Brings a small model folder into diffusers' layout: the same numbers under the names that are published there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import save_file
from torch import Tensor

from pipeline.infinitetalk.encoders.latents import published_name as published_vae_name
from pipeline.infinitetalk.encoders.picture import library_names
from pipeline.infinitetalk.encoders.text import library_name
from pipeline.infinitetalk.model import TransformerConfig
from pipeline.infinitetalk.weights.config_file import read_config
from pipeline.infinitetalk.weights.diffusers_layout import published_name
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.tensor_file import open_tensors


def to_diffusers(original: ModelFolder) -> ModelFolder:
    """Write `…-Diffusers` beside the original base folder, which is removed."""
    base, config = original.base, read_config(original.config)
    tensors = _all(original.shards())
    text, picture, vae = _all(original.text_encoder), _all(original.picture_encoder), _all(original.latent_coder)
    written = base.with_name(f"{base.name}-Diffusers")
    (written / "tokenizer").mkdir(parents=True)
    shutil.copy(original.tokenizer, written / "tokenizer" / "tokenizer.json")

    names = [(name, published_name(name)) for name in transformer_of(config).state_dict()]
    _save(written / "transformer", "diffusion_pytorch_model", {name: tensors[known] for name, known in names}, parts=2)
    (written / "transformer" / "config.json").write_text(json.dumps({**_base(config), **_voices(config)}, indent=2))
    _save(written / "text_encoder", "model", {library_name(name): tensor for name, tensor in text.items()}, parts=2)
    tower = {key: part for name, tensor in picture.items() for key, part in library_names(name, tensor).items()}
    _save(written / "image_encoder", "model", {f"vision_model.{name}": tensor for name, tensor in tower.items()})
    with torch.device("meta"):
        wanted = AutoencoderKLWan(base_dim=vae["encoder.conv1.weight"].shape[0]).state_dict()
    _save(written / "vae", "diffusion_pytorch_model", {name: vae[published_vae_name(name)] for name in wanted})
    shutil.rmtree(base)
    return original


def transformer_of(config: TransformerConfig, device: str = "meta") -> WanTransformer3DModel:
    """Build diffusers' own class in these sizes, without voices, which it does not know."""
    with torch.device(device):
        return WanTransformer3DModel(**_base(config))


def _base(config: TransformerConfig) -> dict[str, object]:
    """Say the sizes of the base model as a config.json of diffusers does."""
    return {
        "patch_size": [1, 2, 2],
        "num_attention_heads": config.num_heads,
        "attention_head_dim": config.head_width,
        "in_channels": config.in_dim,
        "out_channels": config.out_dim,
        "cross_attn_norm": True,
        "qk_norm": "rms_norm_across_heads",
        "eps": 1e-6,
        "added_kv_proj_dim": config.dim,
        "rope_max_seq_len": 1024,
        **{name: getattr(config, name) for name in ("ffn_dim", "freq_dim", "num_layers", "text_dim", "image_dim")},
    }


def _voices(config: TransformerConfig) -> dict[str, object]:
    """Say the adapter's sizes, of which the published file has nothing: they are the code's defaults there."""
    names = ("audio_layers", "audio_dim", "intermediate_dim", "output_dim", "context_tokens")
    return {name: getattr(config, name) for name in names}


def _all(paths: Iterable[Path]) -> dict[str, Tensor]:
    return {name: tensor for path in paths for name, tensor in open_tensors(path).tensors().items()}


def _save(folder: Path, stem: str, tensors: dict[str, Tensor], parts: int = 1) -> None:
    folder.mkdir(parents=True)
    names = list(tensors)
    for part in range(parts):
        chosen = names[len(names) * part // parts : len(names) * (part + 1) // parts]
        name = stem if parts == 1 else f"{stem}-{part + 1:05}-of-{parts:05}"
        save_file({name: tensors[name].contiguous() for name in chosen}, folder / f"{name}.safetensors")
