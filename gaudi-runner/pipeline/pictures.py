"""Pictures to the model's size, and the parts of the picture that belong to each person."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def fit_picture(picture: Image.Image, height: int, width: int) -> Tensor:
    """Resize a picture to cover height x width, crop its centre; [3,H,W] in [-1, 1]."""
    pixels = np.asarray(_cover(picture.convert("RGB"), height, width, Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255).sub_(0.5).mul_(2)


def person_masks(persons: int, source_height: int, source_width: int, height: int, width: int) -> Tensor:
    """Person 1, person 2 and background on the latent grid, [3, H/8, W/8] of 0 and 1.

    One person owns the whole picture. Two own its left and right half, each less 5 % a side; the rectangles are drawn
    in source pixels and go the same way as the picture, but by nearest neighbour (parity/README.md, "Pictures").
    """
    grid = (height // 8, width // 8)
    if persons == 1:
        return torch.ones(3, *grid)
    half = source_width // 2
    rows = slice(int(0.05 * source_height), int(0.95 * source_height))
    masks = np.zeros((3, source_height, source_width), np.uint8)
    masks[0, rows, int(0.05 * half) : int(0.95 * half)] = 1
    masks[1, rows, int(0.05 * half + half) : int(0.95 * half + half)] = 1
    masks[2] = (masks[0] + masks[1]) == 0
    fitted = [_cover(Image.fromarray(mask), height, width, Image.Resampling.NEAREST) for mask in masks]
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


def _cover(picture: Image.Image, height: int, width: int, resample: Image.Resampling) -> Image.Image:
    scale = max(height / picture.height, width / picture.width)
    tall, wide = math.ceil(scale * picture.height), math.ceil(scale * picture.width)
    # round() takes halves to even, as the reference's centre crop does.
    top, left = round((tall - height) / 2), round((wide - width) / 2)
    resized = picture.resize((wide, tall), resample)
    return resized.crop((left, top, left + width, top + height))
