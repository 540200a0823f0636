"""The demo's VAE: a truncated cosine transform, strided 4 x 8 x 8 and causal like the real one's.

Frame 0 stands alone; after it, every four frames become one latent. A latent position holds, for its 8 x 8 pixels, the
low spatial frequencies of their mean over the four frames and, fewer, those of how they change within them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from pipeline.engine import Tick

SPACE, TIME = 8, 4
# (temporal frequency, colour plane, spatial coefficients): measured, 37 dB on photographs with 15 + 3 + 3.
BUDGET = [(0, 0, 15), (0, 1, 3), (0, 2, 3), (1, 0, 6), (1, 1, 1), (1, 2, 1), (2, 0, 3)]
CHANNELS = sum(count for _, _, count in BUDGET)

# Y, Cb, Cr of R, G, B (BT.601), as an orthogonal-enough pair of matrices.
_YCBCR = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=torch.float64
)


class CosineVae:
    """Encode and decode are one matrix each."""

    def __init__(self) -> None:
        cosine, change = _cosines(SPACE), _cosines(TIME)
        low_first = sorted(((i, j) for i in range(SPACE) for j in range(SPACE)), key=lambda ij: (sum(ij), ij))
        to_rgb = torch.linalg.inv(_YCBCR)
        analysis, synthesis = [], []
        for frequency, plane, count in BUDGET:
            for i, j in low_first[:count]:
                wave = torch.einsum("t,y,x->tyx", change[frequency], cosine[i], cosine[j])
                # Divided so that a coefficient is of the size of a pixel, whatever the block's.
                size = math.sqrt(wave.numel())
                analysis.append(torch.einsum("tyx,r->tryx", wave, _YCBCR[plane]).flatten() / size)
                synthesis.append(torch.einsum("tyx,r->tryx", wave, to_rgb[:, plane]).flatten() * size)
        self._analysis = torch.stack(analysis, 1).float()  # [4 * 3 * 8 * 8, C]
        self._synthesis = torch.stack(synthesis).float()  # [C, 4 * 3 * 8 * 8]

    def encode(self, frames: Iterable[Tensor], tick: Tick = lambda: None) -> Tensor:
        """Frames [3,H,W], one after the other, to [C, 1 + (F - 1) / 4, H / 8, W / 8]; holds four of them at a time."""
        latents: list[Tensor] = []
        group: list[Tensor] = []
        for frame in frames:
            group += [frame] if latents else [frame] * TIME
            if len(group) == TIME:
                latents.append(self._encode_group(torch.stack(group)))
                group = []
                tick()
        return torch.stack(latents, 1)

    def _encode_group(self, group: Tensor) -> Tensor:
        _, _, H, W = group.shape
        h, w = H // SPACE, W // SPACE
        blocks = group.view(TIME, 3, h, SPACE, w, SPACE).permute(2, 4, 0, 1, 3, 5).reshape(h * w, -1)
        return (blocks @ self._analysis).T.reshape(CHANNELS, h, w)

    def decode(self, latent: Tensor, tick: Tick = lambda: None) -> Tensor:
        """[C,T,h,w] to [3, 1 + 4 (T - 1), 8 h, 8 w] in [-1, 1]."""
        _, latents, h, w = latent.shape
        frames = torch.empty(3, 1 + TIME * (latents - 1), h, SPACE, w, SPACE)
        for number in range(latents):
            blocks = latent[:, number].reshape(CHANNELS, -1).T @ self._synthesis
            group = blocks.view(h, w, TIME, 3, SPACE, SPACE).permute(3, 2, 0, 4, 1, 5)
            first = TIME * number - TIME + 1
            frames[:, max(0, first) : first + TIME] = group[:, -1:] if number == 0 else group
            tick()
        return frames.view(3, -1, SPACE * h, SPACE * w).clamp_(-1, 1)


def _cosines(size: int) -> Tensor:
    """Orthonormal DCT-II vectors, [frequency, sample]."""
    k, n = torch.arange(size, dtype=torch.float64)[:, None], torch.arange(size, dtype=torch.float64)
    waves = torch.cos(math.pi * (n + 0.5) * k / size) * math.sqrt(2 / size)
    waves[0] /= math.sqrt(2)
    return waves
