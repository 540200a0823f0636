"""A voice as the transformer hears it: the layers of wav2vec2, sampled once for every video frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from transformers import Wav2Vec2Config, Wav2Vec2Model

from .fill import fill
from .speech_features import speech_features

# What the weight norm of the position convolution was called when the weights were published.
OLD_WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
# What only training reads.
TRAINING = ("masked_spec_embed", "quantizer.", "project_q.", "project_hid.", "lm_head.")


class VoiceEncoder:
    """wav2vec2 with the features of its convolutions resampled to the video's frames."""

    def __init__(self, tensors: dict[str, Tensor], config: dict[str, Any], device: torch.device) -> None:
        named = {_library_name(name): tensor for name, tensor in tensors.items()}
        named = {name: tensor for name, tensor in named.items() if not name.startswith(TRAINING)}
        settings = Wav2Vec2Config.from_dict({**config, "mask_time_prob": 0.0, "mask_feature_prob": 0.0})
        # float32 on every device, as the original: 95 M parameters once a job.
        self.model = fill(lambda: Wav2Vec2Model(settings), named, device, torch.float32)

    def embed(self, wave: np.ndarray, frames: int) -> Tensor:
        """Embed a 16 kHz signal [samples] as [frames, layers, width], float32."""
        wave = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
        with torch.inference_mode():
            signal = torch.from_numpy(wave.astype(np.float32)).to(self.model.device)
            features = speech_features(self.model.feature_extractor, signal).unsqueeze(0)  # [1, channels, 50 a second]
            features = interpolate(features, size=frames, mode="linear", align_corners=True).transpose(1, 2)
            hidden, _ = self.model.feature_projection(features)
            return torch.stack(self._layers(hidden), dim=1)

    def _layers(self, hidden: Tensor) -> list[Tensor]:
        """Run the encoder; what each layer gave, [frames, width]. The library returns no hidden states from here."""
        outputs: list[Tensor] = []

        def keep(_: nn.Module, __: tuple[Tensor, ...], output: Tensor | tuple[Tensor, ...]) -> None:
            outputs.append((output if isinstance(output, Tensor) else output[0])[0])

        hooks = [layer.register_forward_hook(keep) for layer in self.model.encoder.layers]
        try:
            self.model.encoder(hidden)
        finally:
            for hook in hooks:
                hook.remove()
        return outputs


def _library_name(published: str) -> str:
    name = published.removeprefix("wav2vec2.")
    for old, new in OLD_WEIGHT_NORM.items():
        if name.startswith("encoder.pos_conv_embed.conv.") and name.endswith(old):
            return name.removesuffix(old) + new
    return name
