"""Pictures to the model's size, and the parts of the picture that belong to each person."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

from pipeline.order import Box

ORIENTATION = ExifTags.Base.Orientation
# How a picture is turned to stand as it is displayed, by its EXIF orientation; 1 is upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation says; EXIF that cannot be read says nothing."""
    picture.load()  # a PNG may have it behind its pixels
    # Not `getexif`, which also believes XMP: browsers and the API do not.
    exif = Image.Exif()
    try:
        exif.load(picture.info.get("exif", b""))
        orientation = exif.get(ORIENTATION)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return picture
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def fit_picture(picture: Image.Image, height: int, width: int) -> Tensor:
    """Resize a picture to cover height x width, crop its centre; [3,H,W] in [-1, 1]."""
    pixels = np.asarray(_cover(picture.convert("RGB"), height, width, Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255).sub_(0.5).mul_(2)


def person_masks(
    persons: int, source_height: int, source_width: int, height: int, width: int, boxes: Sequence[Box] = ()
) -> Tensor:
    """Person 1, person 2 and background on the latent grid, [3, H/8, W/8] of 0 and 1.

    One person owns the whole picture. Two own a box each: those given, or the picture's left and right half. The boxes
    are drawn in source pixels and go the same way as the picture, but by nearest neighbour (parity/README.md,
    "Pictures"). What of a box lies beyond the picture is cut off. ValueError for boxes that are not one per person.
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


def _halves(height: int, width: int) -> list[Box]:
    """Left and right half of a picture, each less 5 % a side."""
    half = width // 2
    top, bottom = int(0.05 * height), int(0.95 * height)
    sides = [(int(0.05 * half + start), int(0.95 * half + start)) for start in (0, half)]
    return [Box(left, top, right - left, bottom - top) for left, right in sides]


def _cover(picture: Image.Image, height: int, width: int, resample: Image.Resampling) -> Image.Image:
    scale = max(height / picture.height, width / picture.width)
    tall, wide = math.ceil(scale * picture.height), math.ceil(scale * picture.width)
    # round() takes halves to even, as the reference's centre crop does.
    top, left = round((tall - height) / 2), round((wide - width) / 2)
    resized = picture.resize((wide, tall), resample)
    return resized.crop((left, top, left + width, top + height))
