"""Makes a face talk: an inverse warp of the picture around it, with the inside of the mouth painted in.

Everything is a function of the frame's number and the voice at it, so a frame looks the same whichever chunk shows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from pipeline.demo.face import Face


@dataclass(frozen=True)
class Speech:
    """The voice at one frame: how far the mouth is open, how wide, how emphatic; each about 0 to 1."""

    opening: float
    width: float
    emphasis: float


SILENCE = Speech(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Box:
    """A part of the picture, in pixels."""

    top: int
    left: int
    bottom: int
    right: int


def head_box(
    face: Face, height: int, width: int, across: float = 1.15, above: float = 1.15, below: float = 1.35
) -> Box:
    """The part that moves with a face, in sizes of the face from its centre, cut at the picture's edges."""
    return Box(
        max(0, int(face.y - above * face.size)),
        max(0, int(face.x - across * face.size)),
        min(height, int(face.y + below * face.size)),
        min(width, int(face.x + across * face.size)),
    )


def move_face(picture: np.ndarray, face: Face, person: int, seconds: float, speech: Speech) -> tuple[Box, np.ndarray]:
    """The head's box of a picture [H,W,3] (float32, 0 to 1) as it looks at a moment, and where it belongs."""
    height, width, _ = picture.shape
    box = head_box(face, height, width)
    # Nobody holds a mouth still while sounding: a tremble in proportion, about five times a second.
    trembling = speech.opening * (0.86 + 0.14 * math.sin(2 * math.pi * 5.3 * seconds + person))
    speech = replace(speech, opening=trembling)
    rows, columns = _sway(_stage(face, height, width), face, person, seconds, speech)
    if speech.opening < 1e-3:
        return box, _sampled(picture, rows, columns)
    jaw = head_box(face, height, width, across=0.8, above=-0.05, below=1.2)
    part = slice(jaw.top - box.top, jaw.bottom - box.top), slice(jaw.left - box.left, jaw.right - box.left)
    rows[part], columns[part], inside = _open_mouth(rows[part], columns[part], face, speech)
    moved = _sampled(picture, rows, columns)
    moved[part] += inside[..., None] * (_mouth_colour(picture, face) - moved[part])
    return box, moved


def _sampled(picture: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    # Bicubic takes 7.3 ms for a head of 570 x 530 instead of 2.6; frames of either look alike, since
    # the VAE keeps only the low frequencies of 8 x 8 pixels.
    return cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


@dataclass(frozen=True)
class _Stage:
    """Where a face's pixels are and how much each moves with the head, [h,w] of its box."""

    rows: np.ndarray
    columns: np.ndarray
    held: np.ndarray


@lru_cache(maxsize=4)
def _stage(face: Face, height: int, width: int) -> _Stage:
    box = head_box(face, height, width)
    rows, columns = np.mgrid[box.top : box.bottom, box.left : box.right].astype(np.float32)
    held = _fade(np.hypot((columns - face.x) / (1.1 * face.size), (rows - face.y) / (1.25 * face.size)), 0.55, 0.95)
    # The picture's edges stay where they are, also where the head is cut by them at the sides or the bottom.
    from_edge = np.minimum(np.minimum(columns, width - 1 - columns), height - 1 - rows)
    return _Stage(rows, columns, held * (1 - _fade(from_edge / (0.15 * face.size), 0, 1)))


def _sway(stage: _Stage, face: Face, person: int, seconds: float, speech: Speech) -> tuple[np.ndarray, np.ndarray]:
    """Turn and shift the head about the neck, fading to nothing around it; slow, and never quite the same twice."""
    at = 2 * np.pi * seconds + 2.1 * person
    turn = np.float32(0.0045 * np.sin(0.13 * at + 0.4) + 0.0025 * np.sin(0.31 * at))
    across = np.float32(face.size * (0.004 * np.sin(0.17 * at) + 0.002 * np.sin(0.43 * at + 1)))
    down = np.float32(face.size * (0.003 * np.sin(0.23 * at + 2) + 0.004 * speech.emphasis + 0.014 * speech.opening))
    neck = np.float32(face.y + 0.75 * face.size)
    rows = stage.rows - stage.held * (turn * stage.columns + (down - turn * np.float32(face.x)))
    columns = stage.columns + stage.held * (turn * stage.rows - (across + turn * neck))
    return rows, columns


def _open_mouth(
    rows: np.ndarray, columns: np.ndarray, face: Face, speech: Speech
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pull the lips apart and the jaw down; the gap between them is the mouth's inside (0 to 1)."""
    opening, size = np.float32(speech.opening), np.float32(face.size)
    cos, sin = np.float32(np.cos(face.mouth_slope)), np.float32(np.sin(face.mouth_slope))
    across = (columns - face.mouth_x) * cos + (rows - face.mouth_y) * sin
    down = (rows - face.mouth_y) * cos - (columns - face.mouth_x) * sin

    half = np.float32(face.mouth_half * (0.92 + 0.16 * speech.width - 0.10 * speech.opening))
    lens = np.clip(1 - (across / half) ** 2, 0, None)
    lower = opening * 0.075 * size * lens**0.8
    upper = 0.28 * lower
    # Below: the lip follows the gap's edge, then skin and chin follow more and more of the jaw, and the neck none.
    beyond = np.clip(down - lower, 0, None)
    jaw = opening * 0.045 * size * np.exp(-((across / (0.40 * size)) ** 2))
    jaw = jaw * (1 - _fade(beyond / size, 0.0, 0.16)) * _fade(beyond / size, 0.26, 0.62)
    lip = lower * np.exp(-((beyond / (0.17 * size)) ** 2))
    above = np.clip(-down - upper, 0, None)
    raised = upper * np.exp(-((above / (0.10 * size)) ** 2))
    shift = np.where(down > 0, np.maximum(lip, jaw), -raised)

    edge = np.float32(max(0.8, 0.012 * face.size))
    gap = np.minimum(lower - down, down + upper)
    inside = np.clip(gap / edge + 0.25, 0, 1) * np.clip(lens * 6, 0, 1) * (gap > -edge)
    shift = np.where((down > -upper) & (down < lower), down, shift)
    return rows - shift * cos, columns + shift * sin, inside.astype(np.float32) * 0.92


def _fade(x: np.ndarray, full: float, none: float) -> np.ndarray:
    """1 up to `full`, 0 from `none` on, smooth between."""
    t = np.clip((x - full) / (none - full), 0, 1)
    return (1 - t * t * (3 - 2 * t)).astype(np.float32)


def _mouth_colour(picture: np.ndarray, face: Face) -> np.ndarray:
    """The inside of a mouth in this picture's light: dark red, darker than its lips."""
    reach = int(max(2, 0.4 * face.mouth_half))
    row, column = int(face.mouth_y), int(face.mouth_x)
    lips = picture[max(0, row - reach) : row + reach, max(0, column - reach) : column + reach].reshape(-1, 3)
    return (lips.mean(0) * np.array([0.28, 0.16, 0.16])).astype(np.float32)
