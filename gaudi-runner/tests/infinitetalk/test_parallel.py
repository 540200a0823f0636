"""Every token is somewhere, once, whatever the ranks and the frames' size."""

from __future__ import annotations

import pytest
import torch

from pipeline.infinitetalk.parallel import RankTokens, TokenGrid
from pipeline.rank.group import Group


def shares(grid: TokenGrid, ranks: int) -> list[RankTokens]:
    """Every rank's share."""
    groups = [Group() for _ in range(ranks)]
    for rank, group in enumerate(groups):
        group.rank, group.size = rank, ranks
    return [RankTokens.of(grid, group) for group in groups]


@pytest.mark.parametrize("grid", [TokenGrid(2, 2, 2), TokenGrid(3, 1, 3), TokenGrid(5, 4, 3), TokenGrid(21, 40, 40)])
@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_shares_join_to_the_whole(grid: TokenGrid, ranks: int) -> None:
    x = torch.arange(grid.count, dtype=torch.float32).unsqueeze(1)
    assert torch.equal(torch.cat([tokens.local(x) for tokens in shares(grid, ranks)]), x)


@pytest.mark.parametrize("grid", [TokenGrid(2, 2, 2), TokenGrid(3, 1, 3), TokenGrid(5, 4, 3), TokenGrid(21, 40, 40)])
@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_tokens_lie_in_their_own_frame(grid: TokenGrid, ranks: int) -> None:
    x = torch.arange(grid.count, dtype=torch.float32).unsqueeze(1)
    for tokens in shares(grid, ranks):
        mine = tokens.local(x)
        frames = tokens.by_frame(mine)
        assert frames.shape[1:] == (grid.per_frame, 1)
        assert torch.equal(tokens.from_frames(frames), mine)
        for frame, held in zip(range(tokens.frames.start, tokens.frames.stop), frames, strict=True):
            assert torch.all(held[held > 0] // grid.per_frame == frame)
