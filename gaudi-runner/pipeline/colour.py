"""Colour correction: every frame gets the colours of the video's first reference frame, so that chunks do not drift."""

from __future__ import annotations

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


@dataclass(frozen=True)
class ColourReference:
    """Mean and standard deviation of a picture's Lab channels, each [3, 1]."""

    mean: Tensor
    std: Tensor

    @staticmethod
    def of(picture: Tensor) -> ColourReference:
        """Measure a picture [3,H,W] in [-1, 1]."""
        lab = _to_lab(_unit(picture))
        return ColourReference(lab.mean(1, keepdim=True), lab.std(1, correction=0, keepdim=True))

    def correct(self, frame: Tensor, strength: float = 1.0) -> Tensor:
        """Shift and scale a frame's Lab channels to the reference's, blended in RGB by `strength`; [3,H,W] in [-1, 1]."""
        if strength == 0:
            return frame
        rgb = _unit(frame)
        lab = _to_lab(rgb)
        mean, std = lab.mean(1, keepdim=True), lab.std(1, correction=0, keepdim=True)
        # A flat channel becomes the reference's mean.
        gain = torch.where(std > 0, self.std / std, torch.zeros_like(std))
        corrected = _from_lab(lab.sub_(mean).mul_(gain).add_(self.mean))
        if strength != 1:
            corrected = rgb * (1 - strength) + corrected * strength
        return corrected.mul_(2).sub_(1).view_as(frame)


def _unit(picture: Tensor) -> Tensor:
    return picture.flatten(1).add(1).div_(2).clamp_(0, 1)


def _to_lab(rgb: Tensor) -> Tensor:
    linear = torch.where(rgb > 0.04045, rgb.add(0.055).div_(1.055).pow_(2.4), rgb / 12.92)
    cones = _TO_CONES @ linear
    x, y, z = torch.where(cones > 0.008856, cones.clamp_min(1e-9).pow_(1 / 3), cones * 7.787 + 16 / 116)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _from_lab(lab: Tensor) -> Tensor:
    y = (lab[0] + 16) / 116
    x = lab[1] / 500 + y
    z = (y - lab[2] / 200).clamp_min_(0)
    roots = torch.stack([x, y, z])
    cones = torch.where(roots > 0.2068966, roots**3, (roots - 16 / 116) / 7.787)
    linear = _FROM_CONES @ cones
    curved = linear.clamp_min(1e-9).pow_(1 / 2.4).mul_(1.055).sub_(0.055)
    return torch.where(linear > 0.0031308, curved, linear * 12.92).clamp_(0, 1)
