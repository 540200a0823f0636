"""Audio tokens of a chunk from its windows of speech features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.infinitetalk.config import TransformerConfig

WINDOW = 5  # video frames -2 .. +2 around each one
GROUP = 8  # window entries that stand for the four video frames of a latent frame


class AudioTokens(nn.Module):
    """Parameters under their published names: proj1 for the first latent frame, proj1_vf for the others."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        entry = config.audio_layers * config.audio_dim
        inner = config.intermediate_dim
        self.shape = (config.context_tokens, config.output_dim)
        self.proj1 = nn.Linear(WINDOW * entry, inner)
        self.proj1_vf = nn.Linear(GROUP * entry, inner)
        self.proj2 = nn.Linear(inner, inner)
        self.proj3 = nn.Linear(inner, config.context_tokens * config.output_dim)
        self.norm = nn.LayerNorm(config.output_dim)  # eps 1e-5, unlike the blocks'

    def forward(self, audio: Tensor) -> Tensor:
        """Take windows [A, F, 5, layers, width], F = 4 (T - 1) + 1 -> [T, A * Na, Da], first voice first."""
        first = self.proj1(audio[:, :1].flatten(2))  # [A, 1, inner]
        fours = audio[:, 1:].unflatten(1, (-1, 4))  # [A, T - 1, 4, 5, layers, width]
        # Of four frames: what came before the first one, the middle of each, what comes after the last one.
        entries = torch.cat((fours[:, :, 0, :3], fours[:, :, 1:3, 2], fours[:, :, 3, 2:]), dim=2)
        h = torch.cat((first, self.proj1_vf(entries.flatten(2))), dim=1).relu()  # [A, T, inner]
        h = self.proj3(self.proj2(h).relu())
        tokens = self.norm(h.unflatten(-1, self.shape))  # [A, T, Na, Da]
        return tokens.transpose(0, 1).flatten(1, 2)
