"""wav2vec2's convolutions over a signal of any length, in windows: the same features, in memory that does not grow.

Ten minutes of sound would need 4 GB for the first layer alone. Every feature sees 400 samples and the next one starts
320 later, so windows overlap by what the last feature of one and the first of the next share; only the first layer's
norm runs over the whole signal, and is therefore measured before it is applied.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pipeline.engine import Signal
from pipeline.voices.signals import blocks

WINDOW_FEATURES = 500  # 10 s


class NormalizedSignal:
    """A signal of mean 0 and variance 1, as wav2vec2 was trained on."""

    def __init__(self, signal: Signal) -> None:
        self._signal, self.samples = signal, signal.samples
        self._mean = sum(block.sum() for block in blocks(signal)) / signal.samples
        variance = sum(((block - self._mean) ** 2).sum() for block in blocks(signal)) / signal.samples
        self._deviation = math.sqrt(variance + 1e-7)

    def read(self, start: int, stop: int) -> Tensor:
        """Samples start to stop, float32."""
        return torch.from_numpy((self._signal.read(start, stop) - self._mean) / self._deviation).float()


class SpeechFeatures:
    """What the convolutions make of a signal: `count` features, about 50 a second."""

    def __init__(
        self, extractor: nn.Module, signal: NormalizedSignal, device: torch.device, window: int = WINDOW_FEATURES
    ) -> None:
        self._layers = list(extractor.conv_layers)
        self._signal, self._device, self._window = signal, device, window
        self._stride = math.prod(layer.conv.stride[0] for layer in self._layers)
        self._sees = 1  # samples that one feature sees
        for layer in reversed(self._layers):
            self._sees = (self._sees - 1) * layer.conv.stride[0] + layer.conv.kernel_size[0]
        self.count = max(1, (signal.samples - self._sees) // self._stride + 1)
        # Of the variant with one norm; the other one's norms see a feature each.
        norm = getattr(self._layers[0], "layer_norm", None)
        self._norm = self._measured(norm) if isinstance(norm, nn.GroupNorm) else None

    def of(self, first: int, last: int) -> Tensor:
        """Features [channels, last - first]."""
        starts = range(first, last, self._window)
        return torch.cat([self._of_window(start, min(start + self._window, last)) for start in starts], dim=1)

    def _of_window(self, start: int, stop: int) -> Tensor:
        hidden = self._read(start * self._stride, (stop - 1) * self._stride + self._sees)
        layers = self._layers
        if self._norm is not None:
            scale, shift = self._norm
            hidden, layers = layers[0].activation(layers[0].conv(hidden) * scale + shift), layers[1:]
        for layer in layers:
            hidden = layer(hidden)
        return hidden[0]

    def _measured(self, norm: nn.GroupNorm) -> tuple[Tensor, Tensor]:
        """Measure a norm of one channel a group over the whole signal: its factor and its summand [channels, 1]."""
        total = squares = torch.zeros(self._layers[0].conv.out_channels, dtype=torch.float64)
        count = 0
        for hidden in self._convolved():
            wide = hidden.double().cpu()
            total, squares, count = total + wide.sum(-1), squares + wide.square().sum(-1), count + wide.shape[-1]
        mean = total / count
        scale = norm.weight.double().cpu() * torch.rsqrt(squares / count - mean.square() + norm.eps)
        shift = norm.bias.double().cpu() - mean * scale
        return scale.float().to(self._device).unsqueeze(1), shift.float().to(self._device).unsqueeze(1)

    def _convolved(self) -> Iterator[Tensor]:
        """Every output of the first convolution once, [channels, some] at a time."""
        conv = self._layers[0].conv
        stride, kernel = conv.stride[0], conv.kernel_size[0]
        count = max(1, (self._signal.samples - kernel) // stride + 1)
        each = self._window * self._stride // stride
        for start in range(0, count, each):
            stop = min(start + each, count)
            yield conv(self._read(start * stride, (stop - 1) * stride + kernel))[0]

    def _read(self, start: int, stop: int) -> Tensor:
        return self._signal.read(start, stop).to(self._device).view(1, 1, -1)
