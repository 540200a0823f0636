"""The parts of the picture that belong to each person, on the latent grid and on that of the tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipeline.order import Box
from pipeline.pictures.fit import cover


def person_masks(
    persons: int, source_height: int, source_width: int, height: int, width: int, boxes: Sequence[Box] = ()
) -> Tensor:
    """Person 1, person 2 and background on the latent grid, [3, H/8, W/8] of 0 and 1.

    One person owns the whole picture. Two own a box each: those given, or the picture's left and right half. The boxes
    are drawn in source pixels and go the same way as the picture, but by nearest neighbour. What of a box lies beyond
    the picture is cut off. ValueError for boxes that are not one per person.
    """
    grid = (height // 8, width // 8)
    if persons == 1:
        if boxes:
            raise ValueError("one person owns the whole picture: a box would have no effect")
        return torch.ones(3, *grid)
    boxes = boxes or _halves(source_height, source_width)
    if len(boxes) != persons:
        raise ValueError(f"{len(boxes)} boxes were given for {persons} people")
    masks = np.zeros((3, source_height, source_width), np.uint8)
    for person, box in enumerate(boxes):
        masks[person, box.y : box.y + box.height, box.x : box.x + box.width] = 1
    masks[2] = (masks[0] + masks[1]) == 0
    fitted = [cover(Image.fromarray(mask), height, width, Image.Resampling.NEAREST) for mask in masks]
    full = torch.from_numpy(np.stack([np.asarray(mask) for mask in fitted])).float()
    return (torch.nn.functional.interpolate(full[None], size=grid, mode="nearest")[0] > 0).float()


def token_masks(masks: Tensor) -> Tensor:
    """Bring masks [3, H, W] of person 1, person 2, background at latent size to tokens: [3, per_frame] of 0 and 1.

    A token has the value of its patch's first latent pixel.

    ValueError where one is empty on the token grid: an empty person makes every number NaN, an empty background wins
    every token and no voice has its face.
    """
    on_grid = (masks[:, ::2, ::2] > 0).flatten(1).float()
    for name, mask in zip(("person 1", "person 2", "the background"), on_grid, strict=True):
        if not mask.any():
            raise ValueError(f"the mask of {name} covers no token: it needs 16 x 16 pixels of the video or more")
    return on_grid


def _halves(height: int, width: int) -> list[Box]:
    """Left and right half of a picture, each less 5 % a side."""
    half = width // 2
    top, bottom = int(0.05 * height), int(0.95 * height)
    sides = [(int(0.05 * half + start), int(0.95 * half + start)) for start in (0, half)]
    return [Box(left, top, right - left, bottom - top) for left, right in sides]
