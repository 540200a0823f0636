"""Writes a tiny random model in the published files' folders, names and types: a few MB that go the real way.

    python -m pipeline.infinitetalk.tiny_checkpoint FOLDER [--layout diffusers]

The same bytes on every machine: each tensor's numbers follow from its name.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor
from transformers import Wav2Vec2Config, Wav2Vec2Model

from ..group import Group
from ..presets import DISTILLED
from .config import TransformerConfig
from .encoders.latents import published_name
from .encoders.picture import HEAD_WIDTH
from .encoders.voice import OLD_WEIGHT_NORM
from .model_folder import ModelFolder
from .tiny_diffusers import to_diffusers
from .transformer import Transformer
from .weights import is_adapter

TEXT_WIDTH, AUDIO_WIDTH, AUDIO_LAYERS = 32, 32, 2
SIZES = TransformerConfig(
    dim=64,
    ffn_dim=128,
    freq_dim=32,
    num_heads=8,
    num_layers=2,
    text_dim=TEXT_WIDTH,
    image_dim=HEAD_WIDTH,
    audio_layers=AUDIO_LAYERS,
    audio_dim=AUDIO_WIDTH,
    intermediate_dim=16,
    output_dim=32,
    context_tokens=4,
)
VOICE_CONFIG = {
    "model_type": "wav2vec2",
    "hidden_size": AUDIO_WIDTH,
    "num_hidden_layers": AUDIO_LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "conv_bias": False,
    "feat_extract_norm": "group",
    "do_stable_layer_norm": False,
}
Shapes = dict[str, tuple[int, ...]]


def main() -> None:
    """Write the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="pipeline.infinitetalk.tiny_checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layout", choices=["original", "diffusers"], default="original", help="of the base model")
    options = parser.parse_args()
    folder = write_tiny_checkpoint(options.folder)
    if options.layout == "diffusers":
        to_diffusers(folder)


def write_tiny_checkpoint(root: Path, sizes: TransformerConfig = SIZES) -> ModelFolder:
    """Write all files; those of an earlier run are replaced."""
    folder = ModelFolder(root)
    for path in (folder.base, folder.tokenizer.parent, folder.voice_config.parent):
        path.mkdir(parents=True, exist_ok=True)
    write_transformer(folder, sizes)
    for preset in DISTILLED:
        folder.lora(preset).parent.mkdir(exist_ok=True)
        save_file(random_tensors(lora_shapes(sizes), torch.bfloat16, seed=preset), folder.lora(preset))
    torch.save(random_tensors(text_shapes(), torch.bfloat16), folder.text_encoder[0])
    byte_tokenizer().save(str(folder.tokenizer))
    torch.save(random_tensors(picture_shapes(), torch.float16), folder.picture_encoder[0])
    torch.save(random_tensors(latent_shapes()), folder.latent_coder[0])
    save_file(random_tensors(voice_shapes()), folder.voice_config.parent / "model.safetensors")
    folder.voice_config.write_text(json.dumps(VOICE_CONFIG, indent=2))
    return folder


def write_transformer(folder: ModelFolder, sizes: TransformerConfig) -> None:
    """Write two shards and both adapters, float32 as published."""
    folder.config.write_text(json.dumps({"model_type": "i2v", "eps": 1e-6, **asdict(sizes)}, indent=2))
    parameters = Transformer.on_meta(sizes, Group()).named_parameters()
    shapes: Shapes = {name: tuple(parameter.shape) for name, parameter in parameters}
    base = {name: shape for name, shape in shapes.items() if not is_adapter(name)}
    names = list(base)
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        path = folder.base / f"diffusion_pytorch_model-{number:05}-of-00002.safetensors"
        save_file(random_tensors({name: base[name] for name in part}), path)
    for name in ("single", "multi"):
        path = folder.root / "InfiniteTalk" / name / "infinitetalk.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        adapter = {key: shape for key, shape in shapes.items() if is_adapter(key)}
        save_file(random_tensors(adapter, seed=name), path)


def lora_shapes(sizes: TransformerConfig, rank: int = 4) -> Shapes:
    """List a LoRA's tensors: pairs, as they are published, and the differences of biases and norms beside them."""
    shapes: Shapes = {}
    for n in range(sizes.num_layers):
        for name in ("self_attn.q", "cross_attn.k_img", "audio_cross_attn.proj"):
            stem = f"diffusion_model.blocks.{n}.{name}"
            shapes[f"{stem}.lora_down.weight"] = (rank, sizes.dim)
            shapes[f"{stem}.lora_up.weight"] = (sizes.dim, rank)
            shapes[f"{stem}.diff_b"] = (sizes.dim,)
        shapes[f"diffusion_model.blocks.{n}.norm3.diff"] = (sizes.dim,)
        shapes[f"diffusion_model.blocks.{n}.diff_m"] = (1, 6, sizes.dim)  # as in the published ones; nobody applies it
    return shapes


def random_tensors(shapes: Shapes, dtype: torch.dtype = torch.float32, seed: str = "") -> dict[str, Tensor]:
    """Draw numbers of a size that keeps signals as large as they are; norms about 1."""
    return {name: _random(name, shape, seed).to(dtype) for name, shape in shapes.items()}


def _random(name: str, shape: tuple[int, ...], seed: str) -> Tensor:
    generator = torch.Generator().manual_seed(zlib.crc32((seed + name).encode()))
    values = torch.randn(shape, generator=generator)
    if "norm" in name.split(".")[-2:][0] or name.endswith(("gamma", "weight_g")) or len(shape) == 1:
        return 0.02 * values + (0.0 if name.endswith("bias") else 1.0)
    return values / math.sqrt(math.prod(shape[1:]) or 1)


def text_shapes(layers: int = 2, heads: int = 4) -> Shapes:
    """List umT5's tensors: 384 tokens, of which 256 are bytes."""
    width, inner = TEXT_WIDTH, 2 * TEXT_WIDTH
    shapes: Shapes = {"token_embedding.weight": (384, width), "norm.weight": (width,)}
    for n in range(layers):
        shapes |= {f"blocks.{n}.norm{i}.weight": (width,) for i in (1, 2)}
        shapes |= {f"blocks.{n}.attn.{part}.weight": (width, width) for part in "qkvo"}
        shapes |= {f"blocks.{n}.ffn.{part}.weight": (inner, width) for part in ("gate.0", "fc1")}
        shapes[f"blocks.{n}.ffn.fc2.weight"] = (width, inner)
        shapes[f"blocks.{n}.pos_embedding.embedding.weight"] = (32, heads)
    return shapes


def picture_shapes(layers: int = 2) -> Shapes:
    """List the tensors of CLIP's tower for 224 x 224 pixels, and one of the text tower, which nobody reads."""
    width = HEAD_WIDTH
    shapes: Shapes = {
        "log_scale": (),
        "textual.token_embedding.weight": (8, 8),
        "visual.cls_embedding": (1, 1, width),
        "visual.pos_embedding": (1, 257, width),
        "visual.patch_embedding.weight": (width, 3, 14, 14),
        "visual.head": (width, 32),
    }
    for norm in ("pre_norm", "post_norm", *(f"transformer.{n}.norm{i}" for n in range(layers) for i in (1, 2))):
        shapes |= {f"visual.{norm}.{kind}": (width,) for kind in ("weight", "bias")}
    for n in range(layers):
        for part, rows in (("attn.to_qkv", 3 * width), ("attn.proj", width), ("mlp.0", width), ("mlp.2", width)):
            shapes[f"visual.transformer.{n}.{part}.weight"] = (rows, width)
            shapes[f"visual.transformer.{n}.{part}.bias"] = (rows,)
    return shapes


def latent_shapes() -> Shapes:
    """List the VAE's tensors, at a 24th of the published width."""
    return {published_name(name): shape for name, shape in _shapes_of(lambda: AutoencoderKLWan(base_dim=4)).items()}


def voice_shapes() -> Shapes:
    """List wav2vec2's tensors under their published names."""
    shapes: Shapes = {}
    for name, shape in _shapes_of(lambda: Wav2Vec2Model(Wav2Vec2Config.from_dict(VOICE_CONFIG))).items():
        for old, new in OLD_WEIGHT_NORM.items():
            name = name.replace(f"pos_conv_embed.conv.{new}", f"pos_conv_embed.conv.{old}")
        shapes[name] = shape
    return shapes


def byte_tokenizer() -> Tokenizer:
    """Make a tokenizer of single bytes with umT5's special tokens."""
    specials = ["<pad>", "</s>", "<unk>"]
    symbols = specials + sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({symbol: i for i, symbol in enumerate(symbols)}, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens(specials)
    return tokenizer


def _shapes_of(build: Callable[[], torch.nn.Module]) -> Shapes:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}


if __name__ == "__main__":
    main()
