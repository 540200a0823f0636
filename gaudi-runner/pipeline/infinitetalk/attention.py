"""Attention and the norm of its queries and keys, as every attention layer of the model uses them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.infinitetalk.device import fused_attention


class KeysValues(NamedTuple):
    """Keys and values that do not change over a chunk, [.., tokens, heads, head_width]."""

    keys: Tensor
    values: Tensor


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Make softmax(q k^T / sqrt(head_width)) v for each head: [B, tokens, heads, head_width] each, in and out.

    The keys' token count may differ from the queries'.
    """
    out = fused_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    return out.transpose(1, 2)


class RMSNorm(nn.Module):
    """z / sqrt(mean(z^2) + eps) * weight over all channels at once, not head by head.

    The quotient is made in float32 and rounded to z's type before it is multiplied.
    """

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(dim))

    def forward(self, z: Tensor) -> Tensor:
        """Norm z [.., dim] -> [.., dim]."""
        wide = z.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)).to(z.dtype) * self.weight
