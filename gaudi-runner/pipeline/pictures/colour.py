"""Colour correction: every frame gets the colours of the video's first reference frame, so that chunks do not drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# sRGB with the D65 white point (IEC 61966-2-1).
_TO_XYZ = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
_WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)
_TO_CONES = (_TO_XYZ / _WHITE[:, None]).float()  # XYZ relative to white
_FROM_CONES = torch.linalg.inv(_TO_XYZ / _WHITE[:, None]).float()


# Pixels converted at a time: they and what is made of them stay in the cache; whole frames take three times as long.
_STRIP = 1 << 14


@dataclass(frozen=True)
class ColourReference:
    """Mean and standard deviation of a picture's Lab channels, each [3, 1]."""

    mean: Tensor
    std: Tensor

    @staticmethod
    def of(picture: Tensor) -> ColourReference:
        """Measure a picture [3,H,W] in [-1, 1]."""
        return ColourReference(*_centre(_by_strips(_to_lab, _unit(picture))))

    def correct(self, frame: Tensor, strength: float = 1.0) -> Tensor:
        """Shift and scale a frame's [3,H,W] Lab channels to the reference's, blended in RGB by `strength`."""
        if strength == 0:
            return frame
        lab = _by_strips(_to_lab, _unit(frame))
        _, std = _centre(lab)
        # A flat channel becomes the reference's mean.
        gain = torch.where(std > 0, self.std / std, torch.zeros_like(std))
        corrected = _by_strips(lambda strip: _from_lab(strip.mul_(gain).add_(self.mean)).mul_(2).sub_(1), lab)
        corrected = corrected.view_as(frame)
        return corrected if strength == 1 else frame.clamp(-1, 1) * (1 - strength) + corrected * strength


def _unit(picture: Tensor) -> Tensor:
    """A new [3,n] in [0, 1]."""
    return picture.flatten(1).add(1).div_(2).clamp_(0, 1)


def _by_strips(convert: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
    """Convert pixels [3,n] in place."""
    for strip in pixels.split(_STRIP, 1):
        strip.copy_(convert(strip))
    return pixels


def _centre(lab: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population standard deviation of each channel; takes the mean away, in place."""
    mean = lab.mean(1, keepdim=True)
    norm = torch.linalg.vector_norm(lab.sub_(mean), dim=1, keepdim=True)
    return mean, norm / lab.shape[1] ** 0.5


def _power(x: Tensor, exponent: float) -> Tensor:
    """x to an exponent, in place, for x > 0: half the time of pow."""
    return x.log_().mul_(exponent).exp_()


# Each curve is a straight line up to a knee and a power from there on. The two meet at the knee, so their sum, each
# kept to its side of it, is the curve: without the selecting of torch.where, which costs as much as the power.


def _to_lab(rgb: Tensor) -> Tensor:
    powers = _power(rgb.clamp_min(0.04045).add_(0.055).div_(1.055), 2.4).sub_(0.04045 / 12.92)
    cones = _TO_CONES @ powers.add_(rgb.clamp_max(0.04045).div_(12.92))
    roots = _power(cones.clamp_min(0.008856), 1 / 3).sub_(0.008856 * 7.787)
    x, y, z = roots.add_(cones.clamp_max_(0.008856).mul_(7.787))
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _from_lab(lab: Tensor) -> Tensor:
    y = (lab[0] + 16) / 116
    x = lab[1] / 500 + y
    z = (y - lab[2] / 200).clamp_min_(0)
    roots = torch.stack([x, y, z])
    above = roots.clamp_min(0.2068966)
    cubes = above.square().mul_(above).sub_(0.2068966**3)
    linear = _FROM_CONES @ cubes.add_(roots.clamp_max_(0.2068966).sub_(16 / 116).div_(7.787))
    curved = _power(linear.clamp_min(0.0031308), 1 / 2.4).mul_(1.055).sub_(0.055 + 0.0031308 * 12.92)
    return curved.add_(linear.clamp_max_(0.0031308).mul_(12.92)).clamp_(0, 1)
