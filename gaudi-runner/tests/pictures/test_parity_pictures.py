"""Pictures, masks, colours and loudness give the reference's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.pictures.colour import ColourReference
from pipeline.pictures.fit import fit_picture
from pipeline.pictures.masks import person_masks
from pipeline.voices.loudness import loudness_gain
from pipeline.voices.signals import Sound
from support.parity_data import PARITY_DIR, cases, needs_parity, uniform, uniform64

pytestmark = needs_parity
RECORDED = cases("encoders_cases.json") or {"pictures": {"cases": [], "colour_cases": []}, "audio": {"loudness": []}}


def source(height: int, width: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([8 * x + 3 * y, 5 * x + 11 * y, 4 * (x + y) + x * y], -1) % 256
    return Image.fromarray(rgb.astype(np.uint8))


@pytest.mark.parametrize("case", RECORDED["pictures"]["cases"], ids=lambda case: case["out"])
def test_pictures_and_masks_equal_the_reference(case: dict) -> None:
    expected = torch.from_numpy(np.load(PARITY_DIR / "encoders_pictures.npz")[case["out"]])
    if case["out"].startswith("masks"):
        assert torch.equal(person_masks(2, *case["source"], *case["target"]), expected.float())
    else:
        fitted = fit_picture(source(*case["source"]), *case["target"])
        assert torch.equal(fitted, (expected.float() / 255 - 0.5) * 2)


def colour_inputs(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    plain = 0.6 * uniform("colour.source", (1, 3, 2, 16, 16))[0] - 0.1
    reference = 0.4 * uniform("colour.reference", (1, 3, 1, 16, 16))[0, :, 0] + 0.15
    if name.startswith("colour_wide"):
        return 1.2 * uniform("colour.wide", (1, 3, 1, 16, 16))[0], reference
    if name.startswith("colour_clip"):
        return plain[:, :1], uniform("colour.vivid", (1, 3, 1, 16, 16))[0, :, 0]
    return plain, reference


@pytest.mark.parametrize("case", RECORDED["pictures"]["colour_cases"], ids=lambda case: case["out"])
def test_colour_correction_equals_the_reference(case: dict) -> None:
    frames, reference = colour_inputs(case["out"])
    colours = ColourReference.of(reference)
    corrected = torch.stack([colours.correct(frame, case["strength"]) for frame in frames.unbind(1)], 1)
    expected = torch.from_numpy(np.load(PARITY_DIR / "encoders_pictures.npz")[case["out"]])
    torch.testing.assert_close(corrected, expected, atol=2e-5, rtol=0)


def test_loudness_is_brought_to_the_level_of_the_reference() -> None:
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    loud = 0.3 * uniform64("colour.loud".replace("colour", "audio"), (24000,))
    loud[8000:16000] *= 0.001
    for signal, case in zip((tone, loud), RECORDED["audio"]["loudness"], strict=True):
        assert loudness_gain(Sound(signal)) == pytest.approx(case["gain"], rel=1e-9)
