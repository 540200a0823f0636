"""The blocks' three kinds of attention: tokens to each other, to prompt and picture, to the voices."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.infinitetalk.device import fused_attention
from pipeline.infinitetalk.parallel import RankTokens
from pipeline.infinitetalk.ref_attn_map import VOICE_POSITIONS, ref_attn_map_of
from pipeline.infinitetalk.rotary import Rotation, line_rotation, rotate


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


class SelfAttention(nn.Module):
    """Over all tokens of a chunk, split over the ranks (Ulysses). Parameters have their published names.

    Each rank makes q, k, v of its own tokens; one all-to-all hands every rank all tokens of its own heads; after
    attention a second one brings the tokens back. Keys and values are never gathered: of four tensors of [share, D] a
    block, a rank sends all but its own part, 6.0 GB a forward at 480 on 8 ranks in bf16.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.o = nn.Linear(dim, dim)
        self.norm_q = RMSNorm(dim)
        self.norm_k = RMSNorm(dim)

    def forward(
        self, z: Tensor, rotation: Rotation, tokens: RankTokens, ref_target_masks: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from z [share, D] -> [share, D].

        With masks [3, per_frame] also each token's attention to the people in the reference [3, share].
        """
        q = rotate(self._heads(self.norm_q(self.q(z))), rotation)
        k = rotate(self._heads(self.norm_k(self.k(z))), rotation)
        qkv = torch.stack((q, k, self._heads(self.v(z))), dim=1)  # [share, 3, n, d]
        q, k, v = tokens.to_heads(qkv).unbind(1)  # [count, n / ranks, d] each
        out = attend(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0)).squeeze(0)  # [count, n / ranks, d]
        ref_attn_map = None if ref_target_masks is None else ref_attn_map_of(q, k, ref_target_masks, tokens)
        return self.o(tokens.from_heads(out, self.heads).flatten(1)), ref_attn_map

    def _heads(self, z: Tensor) -> Tensor:
        return z.unflatten(-1, (self.heads, -1))


class CrossAttention(nn.Module):
    """To prompt and reference picture: two softmaxes with one query, summed, one output projection.

    Local to each rank: text and image tokens are the same everywhere, and their keys and values constant over a chunk.
    Parameters have their published names; k and v are the text's, k_img and v_img the picture's.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.o = nn.Linear(dim, dim)
        self.k_img = nn.Linear(dim, dim)
        self.v_img = nn.Linear(dim, dim)
        self.norm_q = RMSNorm(dim)
        self.norm_k = RMSNorm(dim)
        self.norm_k_img = RMSNorm(dim)

    def text(self, context: Tensor) -> KeysValues:
        """Make the prompt's, [text_len, D] -> [1, text_len, n, d] each."""
        return KeysValues(self._heads(self.norm_k(self.k(context))), self._heads(self.v(context)))

    def image(self, context: Tensor) -> KeysValues:
        """Make the picture's, [257, D] -> [1, 257, n, d] each."""
        return KeysValues(self._heads(self.norm_k_img(self.k_img(context))), self._heads(self.v_img(context)))

    def forward(self, z: Tensor, text: KeysValues, image: KeysValues) -> Tensor:
        """Attend from z [share, D] -> [share, D]."""
        q = self._heads(self.norm_q(self.q(z)))
        out = attend(q, *text) + attend(q, *image)
        return self.o(out.squeeze(0).flatten(1))

    def _heads(self, z: Tensor) -> Tensor:
        return z.unflatten(-1, (self.heads, -1)).unsqueeze(0)


class AudioAttention(nn.Module):
    """To the voices: the tokens of a latent frame look at that frame's own audio tokens and at nothing else.

    So it is local to each rank, although a rank's tokens begin and end inside frames: they are laid out as whole
    frames, and what other ranks hold is left zero. With two voices, queries and keys are turned by positions on a line
    (`ref_attn_map.py`), which is how a face finds its own voice.

    Parameters have their published names: q_linear, kv_linear (rows of k, then of v), proj. No norms, no gate.
    """

    def __init__(self, dim: int, heads: int, audio_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_linear = nn.Linear(dim, dim)
        self.kv_linear = nn.Linear(audio_width, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def audio_emb(self, audio: Tensor, voices: int) -> KeysValues:
        """Make them for audio tokens [frames, voices * Na, Da] of one voice or two, [frames, voices * Na, n, d]."""
        keys, values = (self._heads(half) for half in self.kv_linear(audio).chunk(2, dim=-1))
        if voices == 1:
            return KeysValues(keys, values)
        each = audio.shape[1] // voices
        position = torch.tensor(VOICE_POSITIONS, device=audio.device).repeat_interleave(each)
        return KeysValues(rotate(keys, line_rotation(position, keys.shape[-1])), values)

    def forward(self, z: Tensor, audio_emb: KeysValues, position: Tensor | None, tokens: RankTokens) -> Tensor:
        """Attend from z [share, D] -> [share, D]; position [share]: the token's on the line, for two people."""
        q = self._heads(self.q_linear(z))  # [share, n, d]
        if position is not None:
            q = rotate(q, line_rotation(position, q.shape[-1]))
        out = attend(tokens.by_frame(q), *audio_emb)  # [frames, per_frame, n, d]
        return self.proj(tokens.from_frames(out).flatten(1))

    def _heads(self, z: Tensor) -> Tensor:
        return z.unflatten(-1, (self.heads, -1))
