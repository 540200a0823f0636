"""The video's latents and back: Wan2.1's causal VAE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from pipeline.engine import Tick
from pipeline.infinitetalk.device import wait_for
from pipeline.infinitetalk.encoders.fill import fill


class LatentCoder:
    """The VAE with the published scaling of its latents, in float32 as the original."""

    def __init__(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        self.model = build_vae(tensors, device)
        self.device = device
        self.mean, self.std = (
            torch.tensor(values, device=device).view(-1, 1, 1, 1)
            for values in (self.model.config.latents_mean, self.model.config.latents_std)
        )

    def encode(self, frames: Tensor, tick: Tick = lambda: None) -> Tensor:
        """Encode [3, F, H, W] in [-1, 1] to [16, 1 + (F - 1) / 4, H / 8, W / 8]: the mean, nothing is drawn.

        Causal: a prefix of the frames gives a prefix of the latents, to the bit.
        """
        with torch.inference_mode(), self._in_pieces(tick):
            mean = self.model.encode(frames.unsqueeze(0).to(self.device, torch.float32)).latent_dist.mode()[0]
        return (mean - self.mean) / self.std

    def decode(self, latent: Tensor, tick: Tick = lambda: None) -> Tensor:
        """Decode [16, T, h, w] to [3, 4 T - 3, 8 h, 8 w] in [-1, 1]."""
        latent = latent.to(self.device, torch.float32) * self.std + self.mean
        with torch.inference_mode(), self._in_pieces(tick):
            return self.model.decode(latent.unsqueeze(0)).sample[0]

    @contextmanager
    def _in_pieces(self, tick: Tick) -> Iterator[None]:
        """The library works latent by latent, a call of its coder each: `tick` follows every one.

        A whole chunk can take longer than a rank may be silent (240 s for 81 frames of 896 x 448 on one CPU core).
        """

        def finished(_coder: torch.nn.Module, _given: object, made: Tensor) -> None:
            wait_for(made)
            tick()

        hooks = [coder.register_forward_hook(finished) for coder in (self.model.encoder, self.model.decoder)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            self.model.clear_cache()  # what a job that was stopped in the middle has left on the device


def build_vae(tensors: dict[str, Tensor], device: torch.device) -> AutoencoderKLWan:
    """Build it from tensors under published names or the library's; the width is that of the first convolution."""
    first = "encoder.conv_in.weight" if "encoder.conv_in.weight" in tensors else "encoder.conv1.weight"
    width = tensors[first].shape[0]
    with torch.device("meta"):
        wanted = AutoencoderKLWan(base_dim=width).state_dict()
    published = {published_name(name): name for name in wanted}
    named = {published.get(name, name): tensor for name, tensor in tensors.items()}
    return fill(lambda: AutoencoderKLWan(base_dim=width), named, device, torch.float32)


ENDS = {
    "quant_conv": "conv1",
    "post_quant_conv": "conv2",
    "encoder.conv_in": "encoder.conv1",
    "decoder.conv_in": "decoder.conv1",
    "encoder.norm_out": "encoder.head.0",
    "decoder.norm_out": "decoder.head.0",
    "encoder.conv_out": "encoder.head.2",
    "decoder.conv_out": "decoder.head.2",
}
MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
RESIDUAL = {
    "norm1": "residual.0",
    "conv1": "residual.2",
    "norm2": "residual.3",
    "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}


def published_name(library: str) -> str:
    """Name a parameter of the library's class as the published file does."""
    path, _, kind = library.rpartition(".")
    if path in ENDS:
        return f"{ENDS[path]}.{kind}"
    match path.split("."):
        case [coder, "mid_block", group, number, part]:
            return f"{coder}.middle.{MIDDLE[f'{group}.{number}']}.{RESIDUAL.get(part, part)}.{kind}"
        case ["encoder", "down_blocks", number, *part]:
            return f"encoder.downsamples.{number}.{_within(part)}.{kind}"
        case ["decoder", "up_blocks", stage, group, number, *part]:
            place = int(number) if group == "resnets" else 3  # three residual blocks, then an upsampler
            return f"decoder.upsamples.{4 * int(stage) + place}.{_within(part)}.{kind}"
    raise ValueError(f"AutoencoderKLWan has a parameter {library} that the published VAE has not")


def _within(part: list[str]) -> str:
    path = ".".join(part)  # resample.1 and time_conv keep their names
    return RESIDUAL.get(path, path)
