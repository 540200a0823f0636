"""Self-attention over all tokens of a chunk, split over the ranks (Ulysses).

Each rank makes q, k, v of its own tokens; one all-to-all hands every rank all tokens of its own heads; after attention
a second one brings the tokens back. Keys and values are never gathered: of four tensors of [share, D] a block, a rank
sends all but its own part, 6.0 GB a forward at 480 on 8 ranks in bf16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.infinitetalk.attention import RMSNorm, attend
from pipeline.infinitetalk.parallel import RankTokens
from pipeline.infinitetalk.ref_attn_map import face_scores
from pipeline.infinitetalk.rotary import Rotation, rotate
from pipeline.rank.group import Group


class SelfAttention(nn.Module):
    """Parameters under their published names: q, k, v, o, norm_q, norm_k."""

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
        self, z: Tensor, rotation: Rotation, tokens: RankTokens, group: Group, faces: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from z [share, D] -> [share, D]; with `faces` [3, per_frame] also each token's scores [3, share]."""
        q = rotate(self._heads(self.norm_q(self.q(z))), rotation)
        k = rotate(self._heads(self.norm_k(self.k(z))), rotation)
        qkv = torch.stack((q, k, self._heads(self.v(z))), dim=1)  # [share, 3, n, d]
        qkv = group.all_to_all(qkv, scatter=2, gather=0, gathered=tokens.grid.count)  # [count, 3, n / ranks, d]
        q, k, v = qkv.unbind(1)
        out = attend(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0)).squeeze(0)  # [count, n / ranks, d]
        scores = None if faces is None else face_scores(q, k, faces, self.heads, tokens, group)
        out = group.all_to_all(out, scatter=0, gather=1, gathered=self.heads)  # [share, n, d]
        return self.o(out.flatten(1)), scores

    def _heads(self, z: Tensor) -> Tensor:
        return z.unflatten(-1, (self.heads, -1))
