"""Pictures stand as they are displayed, and boxes become the parts of the picture that belong to each person."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.order import Box, OrderRejected
from pipeline.pictures.fit import cover
from pipeline.pictures.masks import person_masks, token_masks
from pipeline.pictures.reference import StillReference

TOKEN_GRID = Path(__file__).parents[3] / "test/fixtures/token-grid.json"


def corners(mode: str = "RGB", kind: str = "PNG") -> bytes:
    """A picture of 80 x 48 pixels, each corner of its own colour."""
    pixels = np.zeros((48, 80, 3), np.uint8)
    pixels[:24, :40], pixels[:24, 40:], pixels[24:, :40] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


def test_a_reference_has_the_size_and_the_corners_of_its_picture(tmp_path: Path) -> None:
    (tmp_path / "reference").write_bytes(corners())
    reference = StillReference(tmp_path / "reference", 48, 80)
    assert (reference.source_width, reference.source_height) == (80, 48)
    (frame,) = reference.frames(0, 1)
    assert frame[:, 5, 5].tolist() == [1, -1, -1]
    assert frame[:, 42, 5].tolist() == [-1, -1, 1]


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("RGB", "WEBP"), ("RGB", "BMP"), ("RGBA", "PNG"), ("L", "PNG"), ("P", "PNG")]
)
def test_a_picture_that_nobody_made_for_the_ranks_is_not_read(tmp_path: Path, mode: str, kind: str) -> None:
    (tmp_path / "reference").write_bytes(corners(mode, kind))
    with pytest.raises(OrderRejected) as refused:
        StillReference(tmp_path / "reference", 48, 80)
    assert refused.value.code == "reference_unreadable"


def test_a_box_is_what_its_person_owns_and_the_rest_is_background() -> None:
    masks = person_masks(2, 128, 256, 128, 256, [Box(0, 0, 64, 128), Box(96, 32, 32, 16)])
    first, second, background = (mask.bool() for mask in masks)
    assert first[:, :8].all()
    assert first.sum() == 16 * 8
    assert second[4:6, 12:16].all()
    assert second.sum() == 2 * 4
    assert torch.equal(background, ~(first | second))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([Box(0, 0, 64, 64)], "1 boxes were given for 2 people"),
        ([Box(0, 0, 64, 64), Box(256, 0, 57, 64)], "the mask of person 2 covers no token"),
        ([Box(0, 0, 64, 64), Box(65, 65, 10, 10)], "the mask of person 2 covers no token"),
        ([Box(0, 0, 128, 128), Box(128, 0, 128, 128)], "the mask of the background covers no token"),
    ],
)
def test_boxes_that_no_token_can_show_are_refused(boxes: list[Box], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        token_masks(person_masks(2, 128, 256, 128, 256, boxes))


def test_a_box_for_one_person_is_refused() -> None:
    with pytest.raises(ValueError, match="would have no effect"):
        person_masks(1, 128, 256, 128, 256, [Box(0, 0, 64, 64)])


@pytest.mark.parametrize("case", json.loads(TOKEN_GRID.read_text()), ids=lambda case: str(case["source"]))
def test_tokens_look_at_the_pixels_that_the_api_checks_boxes_against(case: dict) -> None:
    source, render = ((case[name]["height"], case[name]["width"]) for name in ("source", "render"))
    y, x = np.indices(source, np.int32)
    seen = [np.asarray(cover(Image.fromarray(at), *render, Image.Resampling.NEAREST))[::16, ::16] for at in (x, y)]
    assert (seen[0] == case["columns"]).all()
    assert (case["rows"] == seen[1].T).all()
