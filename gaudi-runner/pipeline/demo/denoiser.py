"""The demo's denoiser: it knows where it is going, and goes there over the same collectives as the real one."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.engine import Pass
from pipeline.rank.group import Group

HEADS = 8
HEAD_CHANNELS = 2
ATTENDED = HEADS * HEAD_CHANNELS


class DemoDenoiser:
    """Velocity (x - x0) / sigma towards one of two targets: the silent picture, or the speaking one.

    Tokens are positions of the latent, split over the ranks. Half of a token's channels go through the attention
    stand-in: all-to-all from tokens to heads, where each token finds itself among all tokens, and back. Every value is
    moved and none is reduced, so any number of ranks gives the same bits; a missing rank stops all of them.
    """

    def __init__(self, group: Group, silent: Tensor, speaking: Tensor) -> None:
        self._group = group
        self._shape = silent.shape
        self._tokens = silent[0].numel()
        self._mine = group.mine(self._tokens)
        heads = group.mine(ATTENDED)
        self._targets = [self._split(target) for target in (silent, speaking)]  # by tokens: all channels [C,n]
        self._keys = [target.flatten(1)[heads].contiguous() for target in (silent, speaking)]  # by heads: all tokens

    def __call__(self, latent: Tensor, t: float, condition: Pass) -> Tensor:
        """Give the velocity [C,T,h,w]. The way to go travels in half precision; the real model computes in less."""
        mine = latent.flatten(1)[:, self._mine]
        way = torch.empty(mine.shape)
        torch.sub(mine[ATTENDED:], self._targets[condition.voices][ATTENDED:], out=way[ATTENDED:])
        queries = self._group.all_to_all(mine[:ATTENDED], scatter=0, gather=1, gathered=self._tokens)
        attended = queries - self._keys[condition.voices]
        way[:ATTENDED] = self._group.all_to_all(attended, scatter=1, gather=0, gathered=ATTENDED)
        whole = self._group.gather(way.half(), dim=1, gathered=self._tokens)
        return whole.float().mul_(1000 / t).view(self._shape)

    def _split(self, target: Tensor) -> Tensor:
        return target.flatten(1)[:, self._mine].contiguous()
