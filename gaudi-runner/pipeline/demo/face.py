"""Where the faces are, and in each the mouth: OpenCV's bundled Haar cascades, then the reddest place below the nose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

# How far down and across its box each cascade's faces have their mouth, and how much its word counts.
CASCADES = [
    ("haarcascade_frontalface_alt2.xml", 1.5, (0.50, 0.80)),
    ("haarcascade_frontalface_default.xml", 1.0, (0.50, 0.80)),
    ("haarcascade_profileface.xml", 1.0, (0.33, 0.80)),
]
# Shorter side of what the cascades look at: a face of a tenth of it is found, and finding takes a tenth of a second.
LOOKED_AT = 320


@dataclass(frozen=True)
class Face:
    """A face in pixels: centre and width of its box, middle, half width and slope of its mouth."""

    x: float
    y: float
    size: float
    mouth_x: float
    mouth_y: float
    mouth_half: float
    mouth_slope: float  # radians


def find_faces(picture: np.ndarray, regions: list[np.ndarray]) -> list[Face]:
    """One face for each region [H,W] of 0 and 1 of an RGB picture [H,W,3], 8 bit: the most certain one centred in it.

    Where none is found, the upper middle of the region is taken for one.
    """
    cv2.setNumThreads(1)
    found = _detect(picture)
    return [_best_in(picture, region, found) or _guess(region) for region in regions]


@dataclass
class _Candidate:
    box: np.ndarray  # x, y, side
    mouth: np.ndarray  # x, y
    votes: float


def _detect(picture: np.ndarray) -> list[_Candidate]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    scale = max(1.0, min(grey.shape) / LOOKED_AT)
    grey = cv2.resize(grey, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    width = grey.shape[1]
    least = max(20, int(0.11 * min(grey.shape)))
    candidates = []
    for name, weight, (across, down) in CASCADES:
        cascade = _cascade(name)
        # The profile cascade knows faces turned to the left only.
        for mirrored in (False, True) if "profile" in name else (False,):
            seen = np.ascontiguousarray(grey[:, ::-1]) if mirrored else grey
            for x, y, side, _ in cascade.detectMultiScale(seen, 1.1, 4, 0, (least, least)):
                left = width - x - side if mirrored else x
                mouth = np.array([left + side * (1 - across if mirrored else across), y + down * side])
                candidates.append(_Candidate(np.array([left, y, side], float) * scale, mouth * scale, weight))
    return _merge(candidates)


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    """Read once: a seventh of what it takes to look for faces in one frame."""
    return cv2.CascadeClassifier(cv2.data.haarcascades + name)


def _merge(candidates: list[_Candidate]) -> list[_Candidate]:
    """Candidates of one face become one, by weighted mean; faces on which more cascades agree have more votes."""
    merged: list[_Candidate] = []
    for one in sorted(candidates, key=lambda c: -c.votes * c.box[2]):
        near = next((m for m in merged if _same_face(m.box, one.box)), None)
        if near is None:
            merged.append(_Candidate(one.box.copy(), one.mouth.copy(), one.votes))
            continue
        share = one.votes / (near.votes + one.votes)
        near.box += share * (one.box - near.box)
        near.mouth += share * (one.mouth - near.mouth)
        near.votes += one.votes
    return merged


def _same_face(a: np.ndarray, b: np.ndarray) -> bool:
    distance = np.hypot(*((a[:2] + a[2] / 2) - (b[:2] + b[2] / 2)))
    return bool(distance < 0.35 * max(a[2], b[2]))


def _best_in(picture: np.ndarray, region: np.ndarray, found: list[_Candidate]) -> Face | None:
    height, width = region.shape
    inside = []
    for candidate in found:
        x, y, side = candidate.box
        row, column = int(min(y + side / 2, height - 1)), int(min(x + side / 2, width - 1))
        if region[row, column]:
            inside.append(candidate)
    if not inside:
        return None
    best = max(inside, key=lambda c: c.votes * c.box[2])
    x, y, side = (float(v) for v in best.box)
    return Face(x + side / 2, y + side / 2, side, *_find_mouth(picture, best.mouth, side))


def _find_mouth(picture: np.ndarray, expected: np.ndarray, side: float) -> tuple[float, float, float, float]:
    """Middle, half width and slope of the lips: redder than the skin around them, near where the cascade puts them."""
    left, top = max(0, int(expected[0] - 0.5 * side)), max(0, int(expected[1] - 0.4 * side))
    picture = picture[top : int(expected[1] + 0.4 * side), left : int(expected[0] + 0.5 * side)]
    x, y, half, slope = _find_lips(picture, expected - (left, top), side)
    return left + x, top + y, half, slope


def _find_lips(picture: np.ndarray, expected: np.ndarray, side: float) -> tuple[float, float, float, float]:
    height, width, _ = picture.shape
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    redness = cv2.GaussianBlur(lab[..., 1], (0, 0), 0.015 * side)
    darkness = -cv2.GaussianBlur(lab[..., 0], (0, 0), 0.01 * side)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = expected
    around = (abs(columns - x) < 0.28 * side) & (abs(rows - y) < 0.17 * side)
    if not around.any():
        return float(x), float(y), 0.15 * side, 0.0
    lips = np.clip(redness - np.percentile(redness[around], 75), 0, None)
    lips *= np.exp(-(((columns - x) / (0.20 * side)) ** 2) - ((rows - y) / (0.11 * side)) ** 2)
    for spread in (0.16, 0.13, 0.11, 0.11):  # mean shift, narrowing
        near = lips * np.exp(
            -(((columns - x) / (1.4 * spread * side)) ** 2) - ((rows - y) / (spread * 0.6 * side)) ** 2
        )
        total = near.sum()
        if total <= 1e-3:
            return float(expected[0]), float(expected[1]), 0.15 * side, 0.0
        x, y = float((near * columns).sum() / total), float((near * rows).sum() / total)
    across, down = columns - x, rows - y
    spread_xx, spread_xy = float((near * across**2).sum() / total), float((near * across * down).sum() / total)
    slope = float(np.clip(np.arctan2(spread_xy, spread_xx), -0.35, 0.35))
    half = float(np.clip(2.1 * np.sqrt(spread_xx), 0.12 * side, 0.19 * side))
    # The line between the lips is the darkest one close by.
    offsets = np.arange(-0.05 * side, 0.05 * side, 1.0)
    steps = np.linspace(-0.6, 0.6, 9) * half
    sampled = [
        darkness[
            np.clip((y + offset + steps * np.tan(slope)).astype(int), 0, height - 1),
            np.clip((x + steps).astype(int), 0, width - 1),
        ].mean()
        - 0.1 * abs(offset)
        for offset in offsets
    ]
    return x, y + float(offsets[int(np.argmax(sampled))]), half, slope


def _guess(region: np.ndarray) -> Face:
    rows, columns = np.nonzero(region)
    top, bottom, left, right = (float(v) for v in (rows.min(), rows.max(), columns.min(), columns.max()))
    size = 0.36 * min(bottom - top, right - left)
    x, y = (left + right) / 2, top + 0.4 * (bottom - top)
    return Face(x, y, size, x, y + 0.3 * size, 0.16 * size, 0.0)
