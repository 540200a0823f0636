"""The reference picture as the transformer sees it: CLIP ViT-H, all tokens after the last block but one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import CLIPVisionConfig, CLIPVisionModel

from pipeline.infinitetalk.encoders.fill import fill, indices

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
HEAD_WIDTH = 80  # of ViT-H; the file does not say


class PictureEncoder:
    """The vision tower, without its last block: what comes out of that is never used."""

    def __init__(
        self, tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype, head_width: int = HEAD_WIDTH
    ) -> None:
        self.model = build_tower(tensors, device, dtype, head_width)

    def encode(self, picture: Tensor) -> Tensor:
        """Encode a picture [3, H, W] in [-1, 1] to [1 + patches, width], class token first."""
        return self.tower(prepare(picture.unsqueeze(0), self.model.config.image_size))[0]

    def tower(self, prepared: Tensor) -> Tensor:
        """Run the tower alone: [B, 3, size, size], normalised -> [B, 1 + patches, width]."""
        with torch.inference_mode():
            return self.model(prepared.to(self.model.device, self.model.dtype)).last_hidden_state


def prepare(pictures: Tensor, size: int) -> Tensor:
    """Bring pictures [B, 3, H, W] in [-1, 1] to the tower's size and scale.

    Stretched to a square, bicubic without antialiasing, unclamped: unlike CLIP's own image processor, and what the
    model was taught with.
    """
    square = interpolate(pictures.float(), size=(size, size), mode="bicubic", align_corners=False)
    mean, std = (torch.tensor(values, device=square.device).view(3, 1, 1) for values in (MEAN, STD))
    return (square / 2 + 0.5 - mean) / std


def build_tower(
    tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype, head_width: int
) -> CLIPVisionModel:
    """Build it from tensors under published names or the library's; text tower, head and last block are left alone."""
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        named.update(library_names(name, tensor))
    width, _, patch, _ = named["embeddings.patch_embedding.weight"].shape
    patches = named["embeddings.position_embedding.weight"].shape[0] - 1
    last = indices(named, "encoder.layers.")[-1]
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=named["encoder.layers.0.mlp.fc1.weight"].shape[0],
        num_hidden_layers=last,
        num_attention_heads=width // head_width,
        image_size=patch * round(patches**0.5),
        patch_size=patch,
        hidden_act="gelu",  # exact; the class default, quick_gelu, is off by 0.04
        layer_norm_eps=1e-5,
    )
    named = {name: tensor for name, tensor in named.items() if not name.startswith(f"encoder.layers.{last}.")}
    tower = fill(lambda: CLIPVisionModel(config), named, device, dtype)
    embeddings = tower.get_submodule("embeddings")  # the one buffer that no file holds
    embeddings.register_buffer("position_ids", torch.arange(patches + 1, device=device)[None], persistent=False)
    return tower


PARTS = {
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "attn.proj": "self_attn.out_proj",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}
ENDS = {
    "patch_embedding": "embeddings.patch_embedding",
    "pre_norm": "pre_layrnorm",  # so spelt
    "post_norm": "post_layernorm",
}


def library_names(published: str, tensor: Tensor) -> dict[str, Tensor]:
    """Name a tensor of either layout as the library's class does: none of what is not read, three of q, k and v."""
    match published.removeprefix("visual.").split("."):
        case ["cls_embedding"]:
            return {"embeddings.class_embedding": tensor.flatten()}
        case ["pos_embedding"]:
            return {"embeddings.position_embedding.weight": tensor[0]}
        case ["transformer", number, "attn", "to_qkv", kind]:
            names = (f"encoder.layers.{number}.self_attn.{part}_proj.{kind}" for part in "qkv")
            return dict(zip(names, tensor.chunk(3), strict=True))
        case ["transformer", number, *part, kind] if ".".join(part) in PARTS:
            return {f"encoder.layers.{number}.{PARTS['.'.join(part)]}.{kind}": tensor}
        case [end, kind] if end in ENDS:
            return {f"{ENDS[end]}.{kind}": tensor}
        case ["head"] | ["log_scale"] | ["textual", *_] | ["vision_model", "embeddings", "position_ids"]:
            return {}
        case ["vision_model", *part]:
            return {".".join(part): tensor}
    return {published: tensor}  # nobody's name: `fill` refuses it
