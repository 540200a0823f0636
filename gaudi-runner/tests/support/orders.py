"""Small orders: a drawn face, a voice of syllables."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

TABLE = json.loads((Path(__file__).parents[3] / "test/fixtures/parameters.json").read_text())

# What the ranks are given, with the cases of each setting. The service's tests read the same table.
CASES: dict[str, dict[str, list]] = {
    name: cases for part in ("parameters", "derived") for name, cases in TABLE[part].items() if cases.get("ranks", True)
}


def order(**changes: object) -> dict[str, Any]:
    """A valid order as the runner sends it: of each setting the table's first valid value."""
    return {**{name: cases["valid"][0] for name, cases in CASES.items()}, **changes}


def draw_reference(path: Path, size: tuple[int, int] = (256, 256), faces: int = 1) -> None:
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    ground = np.stack([90 + 60 * x / width, 110 + 50 * y / height, 150 - 40 * x / width], -1).astype(np.uint8)
    picture = Image.fromarray(ground)
    draw = ImageDraw.Draw(picture)
    for face in range(faces):
        middle = (face + 0.5) / faces * width
        draw.ellipse((middle - 0.2 * height, 0.15 * height, middle + 0.2 * height, 0.75 * height), fill=(224, 180, 150))
        draw.ellipse((middle - 0.1 * height, 0.54 * height, middle + 0.1 * height, 0.60 * height), fill=(180, 80, 80))
    picture.save(path, format="PNG")


def syllables(seconds: float, seed: int = 1) -> np.ndarray:
    """A buzz in bursts of 0.1 to 0.3 s with pauses, [n] at 16 kHz."""
    rng = np.random.default_rng(seed)
    n = int(seconds * 16000)
    loudness = np.zeros(n)
    at = 0
    while at < n:
        length, pause = int(rng.uniform(0.12, 0.3) * 16000), int(rng.uniform(0.04, 0.3) * 16000)
        burst = np.hanning(length) * rng.uniform(0.3, 1)
        loudness[at : at + length] += burst[: n - at]
        at += length + pause
    time = np.arange(n) / 16000
    return loudness * sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 12)) * 0.2


def write_voice(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def make_inputs(directory: Path, seconds: float = 4.0, second_voice: float | None = None) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    draw_reference(directory / "reference")
    write_voice(directory / "voice-1.wav", syllables(seconds))
    if second_voice is not None:
        write_voice(directory / "voice-2.wav", syllables(second_voice, seed=2))
    return directory
