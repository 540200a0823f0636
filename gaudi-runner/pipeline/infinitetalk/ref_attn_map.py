"""Whose face a token belongs to, when two people speak: found in every block from its own self-attention.

The queries of all tokens are compared with the keys of latent frame 0, where the masks say which token is person 1,
person 2 or background. The outcome is a position on a line, on which person 1's voice stands at 2 and person 2's at 22.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.infinitetalk.parallel import RankTokens

FACE_SPAN = 4.0  # a face's tokens are spread over [0, 4] or [20, 24]
SECOND_FACE = 20.0
BACKGROUND = 12.0
VOICE_POSITIONS = (2.0, 22.0)

# Softmax weights held at once: [heads, tokens, per_frame] float32, 256 MiB. All of them would be 8.6 GB at 480.
SLICE_ELEMENTS = 1 << 26


def ref_attn_map_of(q: Tensor, k: Tensor, ref_target_masks: Tensor, tokens: RankTokens) -> Tensor:
    """Average each token's attention to each face over all heads: [3, share] float32.

    q, k: [count, heads / ranks, d], rotated, of this rank's heads. Masks: [3, per_frame] of 0 and 1. The softmax of
    a row runs over the keys of latent frame 0 only, so rows can be made slice by slice without changing a bit.
    """
    heads = q.shape[1] * tokens.group.size
    q = q.transpose(0, 1)  # [n / ranks, count, d]
    k = k[: tokens.grid.per_frame].permute(1, 2, 0)  # [n / ranks, d, P]
    rows = max(1, SLICE_ELEMENTS // (q.shape[0] * tokens.grid.per_frame))
    share_of_face = (ref_target_masks / ref_target_masks.sum(-1, keepdim=True)).T  # [P, 3]
    slices = []
    for piece in (q * q.shape[-1] ** -0.5).split(rows, dim=1):
        weights = (piece @ k).float().softmax(-1)  # [n / ranks, rows, P]
        slices.append((weights @ share_of_face).sum(0))  # [rows, 3]
    return tokens.over_heads(torch.cat(slices)).T / heads


def token_positions(ref_attn_map: Tensor, tokens: RankTokens) -> Tensor:
    """Turn the map [3, share] into places on the line [share]: [0, 4] for person 1, [20, 24] for person 2, else 12.

    The class is decided on the raw map; the place within it on values scaled to the least and greatest of
    **all** tokens, of all ranks and frames.
    """
    people = ref_attn_map[:2]
    bounds = tokens.of_all_ranks(torch.stack((people.amin(-1), people.amax(-1))))  # [ranks, 2, 2]
    least, greatest = bounds[:, 0].amin(0).unsqueeze(-1), bounds[:, 1].amax(0).unsqueeze(-1)  # [2, 1]
    first, second = FACE_SPAN * (people - least) / (greatest - least + 1e-8)
    owner = ref_attn_map.argmax(0)
    place = torch.where(owner == 0, first, SECOND_FACE + second)
    return torch.where(owner == 2, torch.full_like(first, BACKGROUND), place)
