"""Pictures to the model's size: resized to cover it, cropped."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def fit_picture(picture: Image.Image, height: int, width: int) -> Tensor:
    """Resize an RGB picture to cover height x width, crop its centre; [3,H,W] in [-1, 1]."""
    pixels = np.asarray(cover(picture, height, width, Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255).sub_(0.5).mul_(2)


def cover(picture: Image.Image, height: int, width: int, resample: Image.Resampling) -> Image.Image:
    """Resize a picture so that it covers height x width, crop the centre."""
    scale = max(height / picture.height, width / picture.width)
    tall, wide = math.ceil(scale * picture.height), math.ceil(scale * picture.width)
    # round() takes halves to even, as the reference's centre crop does.
    top, left = round((tall - height) / 2), round((wide - width) / 2)
    resized = picture.resize((wide, tall), resample)
    return resized.crop((left, top, left + width, top + height))
