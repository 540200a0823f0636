"""One of the transformer's blocks: self-attention, then attention to text and picture, to the voices, feed-forward."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from pipeline.infinitetalk.attention import AudioAttention, CrossAttention, KeysValues, SelfAttention
from pipeline.infinitetalk.config import TransformerConfig
from pipeline.infinitetalk.parallel import RankTokens
from pipeline.infinitetalk.ref_attn_map import token_positions
from pipeline.infinitetalk.rotary import Rotation
from pipeline.rank.group import Group

EPS = 1e-6


class Block(nn.Module):
    """Parameters under their published names; `norm_x` and `audio_cross_attn` are the audio adapter's."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, heads = config.dim, config.num_heads
        self.modulation = nn.Parameter(torch.empty(1, 6, dim))
        self.self_attn = SelfAttention(dim, heads)
        self.norm3 = nn.LayerNorm(dim, EPS)
        self.cross_attn = CrossAttention(dim, heads)
        self.norm_x = nn.LayerNorm(dim, EPS)
        self.audio_cross_attn = AudioAttention(dim, heads, config.output_dim)
        self.ffn = nn.Sequential(nn.Linear(dim, config.ffn_dim), nn.GELU("tanh"), nn.Linear(config.ffn_dim, dim))

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        rotation: Rotation,
        text: KeysValues,
        image: KeysValues,
        voices: KeysValues,
        faces: Tensor | None,
        tokens: RankTokens,
        group: Group,
    ) -> Tensor:
        """Take x [share, D] -> [share, D]; time [6, D] float32; faces [3, per_frame] where two people speak."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation[0].float() + time
        attended, scores = self.self_attn(modulated(x, shift1, scale1), rotation, tokens, group, faces)
        x = gated_sum(x, attended, gate1)
        x = x + self.cross_attn(self.norm3(x), text, image)
        position = None if scores is None else token_positions(scores, group)
        x = x + self.audio_cross_attn(self.norm_x(x), voices, position, tokens)
        return gated_sum(x, self.ffn(modulated(x, shift2, scale2)), gate2)


def plain_norm(x: Tensor) -> Tensor:
    """Norm without weights, float32 inside, in x's type."""
    return layer_norm(x, x.shape[-1:], eps=EPS)


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Make norm(x) * (1 + scale) + shift in float32, in x's type."""
    return (plain_norm(x).float() * (1 + scale) + shift).to(x.dtype)


def gated_sum(x: Tensor, change: Tensor, gate: Tensor) -> Tensor:
    """Make x + gate * change in float32, in x's type."""
    return (x.float() + gate * change.float()).to(x.dtype)
