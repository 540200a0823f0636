"""Attention to the prompt and to the reference picture: two softmaxes with one query, summed, one output projection.

Local to each rank: text and image tokens are the same everywhere, and their keys and values constant over a chunk.
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.infinitetalk.attention import KeysValues, RMSNorm, attend


class CrossAttention(nn.Module):
    """Parameters under their published names; k and v are the text's, k_img and v_img the picture's."""

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
