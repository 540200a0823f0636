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

WINDOW_FEATURES = 1500  # 30 s


def speech_features(extractor: nn.Module, signal: Tensor, window: int = WINDOW_FEATURES) -> Tensor:
    """Turn a normalised signal [samples] into features [channels, about 50 a second]."""
    layers = list(extractor.conv_layers)
    first = layers[0]
    stride = math.prod(layer.conv.stride[0] for layer in layers)
    sees = 1  # samples that one feature sees
    for layer in reversed(layers):
        sees = (sees - 1) * layer.conv.stride[0] + layer.conv.kernel_size[0]
    count = (signal.shape[0] - sees) // stride + 1
    norm = getattr(first, "layer_norm", None)
    whole = isinstance(norm, nn.GroupNorm)  # of the variant with one norm; the other one's norms see a feature each
    scale, shift = _group_norm(first.conv, norm, signal, window * stride) if whole else (None, None)
    pieces = []
    for start in range(0, count, window):
        stop = min(start + window, count)
        hidden = signal[start * stride : (stop - 1) * stride + sees].view(1, 1, -1)
        if whole:
            hidden = first.activation(first.conv(hidden) * scale + shift)
        for layer in layers[1:] if whole else layers:
            hidden = layer(hidden)
        pieces.append(hidden[0])
    return torch.cat(pieces, dim=1)


def _group_norm(conv: nn.Conv1d, norm: nn.GroupNorm, signal: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Measure a norm of one channel a group over the whole signal: what to multiply with and to add [channels, 1]."""
    total = squares = torch.zeros(conv.out_channels, dtype=torch.float64)
    count = 0
    for hidden in _convolved(conv, signal, window):
        wide = hidden.double().cpu()
        total, squares, count = total + wide.sum(-1), squares + wide.square().sum(-1), count + wide.shape[-1]
    mean = total / count
    scale = norm.weight.double().cpu() * torch.rsqrt(squares / count - mean.square() + norm.eps)
    shift = norm.bias.double().cpu() - mean * scale
    return scale.float().to(signal.device).unsqueeze(1), shift.float().to(signal.device).unsqueeze(1)


def _convolved(conv: nn.Conv1d, signal: Tensor, window: int) -> Iterator[Tensor]:
    """Every output of the first convolution once, [channels, some] at a time."""
    stride, kernel = conv.stride[0], conv.kernel_size[0]
    count = (signal.shape[0] - kernel) // stride + 1
    each = window // stride
    for start in range(0, count, each):
        stop = min(start + each, count)
        yield conv(signal[start * stride : (stop - 1) * stride + kernel].view(1, 1, -1))[0]
