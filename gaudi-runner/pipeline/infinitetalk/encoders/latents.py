"""The video's latents and back: Wan2.1's causal VAE."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from .fill import fill


class LatentCoder:
    """The VAE with the published scaling of its latents, in float32 as the original."""

    def __init__(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        self.model = build_vae(tensors, device)
        self.device = device
        self.mean, self.std = (
            torch.tensor(values, device=device).view(-1, 1, 1, 1)
            for values in (self.model.config.latents_mean, self.model.config.latents_std)
        )

    def encode(self, frames: Tensor) -> Tensor:
        """Encode [3, F, H, W] in [-1, 1] to [16, 1 + (F - 1) / 4, H / 8, W / 8]: the mean, nothing is drawn.

        Causal: a prefix of the frames gives a prefix of the latents, to the bit.
        """
        with torch.inference_mode():
            mean = self.model.encode(frames.unsqueeze(0).to(self.device, torch.float32)).latent_dist.mode()[0]
        return (mean - self.mean) / self.std

    def decode(self, latent: Tensor) -> Tensor:
        """Decode [16, T, h, w] to [3, 4 T - 3, 8 h, 8 w] in [-1, 1]."""
        latent = latent.to(self.device, torch.float32) * self.std + self.mean
        with torch.inference_mode():
            return self.model.decode(latent.unsqueeze(0)).sample[0]


def build_vae(tensors: dict[str, Tensor], device: torch.device) -> AutoencoderKLWan:
    """Build it from the published file; the width is that of the first convolution."""
    width = tensors["encoder.conv1.weight"].shape[0]
    named = {_library_name(name): tensor for name, tensor in tensors.items()}
    return fill(lambda: AutoencoderKLWan(base_dim=width), named, device, torch.float32)


ENDS = {
    "conv1": "quant_conv",
    "conv2": "post_quant_conv",
    "encoder.conv1": "encoder.conv_in",
    "decoder.conv1": "decoder.conv_in",
    "encoder.head.0": "encoder.norm_out",
    "decoder.head.0": "decoder.norm_out",
    "encoder.head.2": "encoder.conv_out",
    "decoder.head.2": "decoder.conv_out",
}
MIDDLE = {"0": "resnets.0", "1": "attentions.0", "2": "resnets.1"}
RESIDUAL = {
    "residual.0": "norm1",
    "residual.2": "conv1",
    "residual.3": "norm2",
    "residual.6": "conv2",
    "shortcut": "conv_shortcut",
}


def _library_name(published: str) -> str:
    path, _, kind = published.rpartition(".")
    if path in ENDS:
        return f"{ENDS[path]}.{kind}"
    match path.split(".", 3):
        case [coder, "middle", number, part] if number in MIDDLE:
            return f"{coder}.mid_block.{MIDDLE[number]}.{RESIDUAL.get(part, part)}.{kind}"
        case ["encoder", "downsamples", number, part]:
            return f"encoder.down_blocks.{number}.{RESIDUAL.get(part, part)}.{kind}"
        case ["decoder", "upsamples", number, part]:
            stage, place = divmod(int(number), 4)  # three residual blocks, then an upsampler
            where = f"resnets.{place}" if place < 3 else "upsamplers.0"
            return f"decoder.up_blocks.{stage}.{where}.{RESIDUAL.get(part, part)}.{kind}"
    return published  # nobody's name: `fill` refuses it
