"""Pictures to the model's size: turned as they are displayed, resized to cover it, cropped."""

from __future__ import annotations

import math
import struct

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

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
    pixels = np.asarray(cover(picture.convert("RGB"), height, width, Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255).sub_(0.5).mul_(2)


def cover(picture: Image.Image, height: int, width: int, resample: Image.Resampling) -> Image.Image:
    """Resize a picture so that it covers height x width, crop the centre."""
    scale = max(height / picture.height, width / picture.width)
    tall, wide = math.ceil(scale * picture.height), math.ceil(scale * picture.width)
    # round() takes halves to even, as the reference's centre crop does.
    top, left = round((tall - height) / 2), round((wide - width) / 2)
    resized = picture.resize((wide, tall), resample)
    return resized.crop((left, top, left + width, top + height))
