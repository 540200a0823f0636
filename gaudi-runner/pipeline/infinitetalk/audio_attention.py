"""Attention to the voices: the tokens of a latent frame look at that frame's own audio tokens and at nothing else.

So it is local to each rank, although a rank's tokens begin and end inside frames: they are laid out as whole frames,
and what other ranks hold is left zero. With two voices, queries and keys are turned by positions on a line
(`faces.py`), which is how a face finds its own voice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.infinitetalk.attention import KeysValues, attend
from pipeline.infinitetalk.parallel import RankTokens
from pipeline.infinitetalk.ref_attn_map import VOICE_POSITIONS
from pipeline.infinitetalk.rotary import line_rotation, rotate


class AudioAttention(nn.Module):
    """Parameters under their published names: q_linear, kv_linear (rows of k, then of v), proj. No norms, no gate."""

    def __init__(self, dim: int, heads: int, audio_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_linear = nn.Linear(dim, dim)
        self.kv_linear = nn.Linear(audio_width, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def voices(self, audio: Tensor, count: int) -> KeysValues:
        """Make them for audio tokens [frames, count * Na, Da] of `count` voices -> [frames, count * Na, n, d] each."""
        keys, values = (self._heads(half) for half in self.kv_linear(audio).chunk(2, dim=-1))
        if count == 1:
            return KeysValues(keys, values)
        each = audio.shape[1] // count
        position = torch.tensor(VOICE_POSITIONS, device=audio.device).repeat_interleave(each)
        return KeysValues(rotate(keys, line_rotation(position, keys.shape[-1])), values)

    def forward(self, z: Tensor, voices: KeysValues, position: Tensor | None, tokens: RankTokens) -> Tensor:
        """Attend from z [share, D] -> [share, D]; position [share]: the token's on the line, for two people."""
        q = self._heads(self.q_linear(z))  # [share, n, d]
        if position is not None:
            q = rotate(q, line_rotation(position, q.shape[-1]))
        out = attend(tokens.by_frame(q), *voices)  # [frames, per_frame, n, d]
        return self.proj(tokens.from_frames(out).flatten(1))

    def _heads(self, z: Tensor) -> Tensor:
        return z.unflatten(-1, (self.heads, -1))
