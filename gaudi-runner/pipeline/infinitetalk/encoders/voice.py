"""A voice as the transformer hears it: the layers of wav2vec2, sampled once for every video frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from pipeline.engine import Signal
from pipeline.infinitetalk.encoders.fill import fill
from pipeline.infinitetalk.encoders.speech_features import NormalizedSignal, SpeechFeatures

# What the weight norm of the position convolution was called when the weights were published.
OLD_WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
# What only training reads.
TRAINING = ("masked_spec_embed", "quantizer.", "project_q.", "project_hid.", "lm_head.")

WINDOW_FRAMES = 1500  # a minute at 25 fps; every frame attends to every other: ten minutes at once would need 11 GB
CONTEXT_FRAMES = 250


class VoiceEncoder:
    """wav2vec2 with the features of its convolutions resampled to the video's frames.

    What fits one window is encoded whole, as the original does with any length. Longer voices are encoded in windows of
    1,500 frames, of which the 250 at either end only give context to those between: for
    80 s of speech and random weights of the published size that changes a layer's numbers by 1.2 % of their deviation
    in the mean, 9 % at most. It has not been measured with the published weights.
    """

    def __init__(self, tensors: dict[str, Tensor], config: dict[str, Any], device: torch.device) -> None:
        named = {_library_name(name): tensor for name, tensor in tensors.items()}
        named = {name: tensor for name, tensor in named.items() if not name.startswith(TRAINING)}
        settings = Wav2Vec2Config.from_dict({**config, "mask_time_prob": 0.0, "mask_feature_prob": 0.0})
        # float32 on every device, as the original: 95 M parameters once a job.
        self.model = fill(lambda: Wav2Vec2Model(settings), named, device, torch.float32)

    def embed(
        self, signal: Signal, frames: int, window: int = WINDOW_FRAMES, context: int = CONTEXT_FRAMES
    ) -> Iterator[Tensor]:
        """Embed a 16 kHz signal as [frames, layers, width] in pieces, float32 on the CPU."""
        with torch.inference_mode():
            features = SpeechFeatures(self.model.feature_extractor, NormalizedSignal(signal), self.model.device)
        step = frames if frames <= window else window - 2 * context
        for start in range(0, frames, step):
            stop = min(start + step, frames)
            first, last = max(0, start - context), min(frames, stop + context)
            with torch.inference_mode():
                hidden, _ = self.model.feature_projection(at_frames(features, first, last, frames).T.unsqueeze(0))
                layers = torch.stack(self._layers(hidden), dim=1)
            yield layers[start - first : stop - first].cpu()

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


def at_frames(features: SpeechFeatures, first: int, last: int, frames: int) -> Tensor:
    """Features [channels, last - first] at some of a video's frames, the first and last of all being the sound's.

    In between, linearly: what `interpolate(size=frames, align_corners=True)` gives of all features.
    """
    # In float32, as the library counts.
    scale = torch.tensor((features.count - 1) / max(1, frames - 1), dtype=torch.float32)
    place = torch.arange(first, last, dtype=torch.float32) * scale
    before = place.long().clamp(max=features.count - 1)
    after = (before + 1).clamp(max=features.count - 1)
    lowest = int(before[0])
    heard = features.of(lowest, int(after[-1]) + 1)
    share = (place - before).to(heard.device)
    before, after = (before - lowest).to(heard.device), (after - lowest).to(heard.device)
    return heard[:, before] * (1 - share) + heard[:, after] * share


def _library_name(published: str) -> str:
    name = published.removeprefix("wav2vec2.")
    for old, new in OLD_WEIGHT_NORM.items():
        if name.startswith("encoder.pos_conv_embed.conv.") and name.endswith(old):
            return name.removesuffix(old) + new
    return name
