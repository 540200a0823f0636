"""How a chunk's tokens are split over the ranks: which of them each holds, and how they travel.

Token s = (frame * rows + row) * columns + column. The ranks hold the tokens in order, in shares as even as can be, so a
rank's tokens begin and end inside frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad

from pipeline.rank.group import Group


@dataclass(frozen=True)
class TokenGrid:
    """Tokens of a latent: one for each 2 x 2 latent pixels of each latent frame."""

    frames: int
    rows: int
    columns: int

    @classmethod
    def of_latent(cls, frames: int, height: int, width: int) -> TokenGrid:
        """Make it from latent sizes (pixels / 8). ValueError where a side is odd."""
        if height % 2 or width % 2:
            raise ValueError(f"a latent of {height} x {width} does not split into 2 x 2 patches")
        return cls(frames, height // 2, width // 2)

    @property
    def per_frame(self) -> int:
        """Tokens of a latent frame."""
        return self.rows * self.columns

    @property
    def count(self) -> int:
        """Tokens of all frames: the model's sequence length."""
        return self.frames * self.per_frame


@dataclass(frozen=True)
class RankTokens:
    """One rank's tokens: start .. stop - 1 of a grid."""

    grid: TokenGrid
    start: int
    stop: int
    group: Group = field(compare=False, repr=False)

    @classmethod
    def of(cls, grid: TokenGrid, group: Group) -> RankTokens:
        """Take this rank's share. ValueError where there are fewer tokens than ranks."""
        if grid.count < group.size:
            raise ValueError(f"{grid.count} tokens cannot be split over {group.size} ranks")
        mine = group.mine(grid.count)
        return cls(grid, mine.start, mine.stop, group)

    @property
    def share(self) -> int:
        """How many tokens are here."""
        return self.stop - self.start

    @property
    def frames(self) -> slice:
        """Latent frames that the tokens here touch."""
        return slice(self.start // self.grid.per_frame, (self.stop - 1) // self.grid.per_frame + 1)

    def indices(self) -> Tensor:
        """Global indices of the tokens here [share]."""
        return torch.arange(self.start, self.stop)

    def local(self, x: Tensor) -> Tensor:
        """Cut x [count, ...] to the rows here [share, ...]."""
        return x[self.start : self.stop]

    def by_frame(self, x: Tensor) -> Tensor:
        """Lay x [share, ...] out as whole latent frames [frames, per_frame, ...], zeros where there is none."""
        before = self.start - self.frames.start * self.grid.per_frame
        after = self.frames.stop * self.grid.per_frame - self.stop
        padded = pad(x, (0, 0) * (x.dim() - 1) + (before, after))
        return padded.unflatten(0, (-1, self.grid.per_frame))

    def from_frames(self, x: Tensor) -> Tensor:
        """Undo `by_frame`: [frames, per_frame, ...] -> [share, ...]."""
        before = self.start - self.frames.start * self.grid.per_frame
        return x.flatten(0, 1)[before : before + self.share]

    def to_heads(self, x: Tensor) -> Tensor:
        """Give every rank all tokens of its own heads: [share, 3, heads, d] -> [count, 3, heads / ranks, d]."""
        return self.group.all_to_all(x, scatter=2, gather=0, gathered=self.grid.count)

    def from_heads(self, x: Tensor, heads: int) -> Tensor:
        """Bring the tokens back to their ranks: [count, heads / ranks, d] -> [share, heads, d]."""
        return self.group.all_to_all(x, scatter=0, gather=1, gathered=heads)

    def over_heads(self, x: Tensor) -> Tensor:
        """Add up what each rank made of its own heads for all tokens: [count, n] -> [share, n] of the tokens here."""
        by_rank = self.group.all_to_all(x.unsqueeze(0), scatter=1, gather=0, gathered=self.group.size)
        return by_rank.sum(0)

    def of_all_ranks(self, x: Tensor) -> Tensor:
        """Gather one value of each rank, [..] -> [ranks, ..] on all of them."""
        return self.group.gather(x.unsqueeze(0), dim=0, gathered=self.group.size)

    def joined(self, x: Tensor) -> Tensor:
        """Gather every rank's tokens, [share, ...] -> [count, ...] on all of them."""
        return self.group.gather(x, dim=0, gathered=self.grid.count)
