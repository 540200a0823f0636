"""The four encoders from the files of a model folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from pipeline.infinitetalk.device import Device
from pipeline.infinitetalk.encoders.latents import LatentCoder
from pipeline.infinitetalk.encoders.picture import PictureEncoder
from pipeline.infinitetalk.encoders.text import TextEncoder
from pipeline.infinitetalk.encoders.voice import VoiceEncoder
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.tensor_file import open_tensors

T = TypeVar("T")


@dataclass(frozen=True)
class Encoders:
    """All that turns inputs into tensors and latents into frames."""

    text: TextEncoder
    picture: PictureEncoder
    voice: VoiceEncoder
    latents: LatentCoder


def load_encoders(folder: ModelFolder, device: Device, problems: list[str]) -> Encoders | None:
    """Read all four, straight to the device. What is missing or not the published model goes to `problems`."""
    place = device.torch

    def read(paths: list[Path], build: Callable[[dict[str, Tensor]], T]) -> T | None:
        tensors: dict[str, Tensor] = {}
        found = len(problems)
        for path in paths:
            try:
                tensors.update(open_tensors(path).tensors())
            except ValueError as error:
                problems.append(str(error))
        if len(problems) > found:
            return None
        where = paths[0] if len(paths) == 1 else paths[0].parent
        try:
            return build(tensors)
        except KeyError as error:
            problems.append(f"{where} has no {error.args[0]}")
        except (ValueError, OSError) as error:
            problems.append(f"{where}: {error}")
        return None

    text = read(folder.text_encoder, lambda given: TextEncoder(given, folder.tokenizer, place, device.dtype))
    picture = read(folder.picture_encoder, lambda given: PictureEncoder(given, place, device.half))
    voice = read(
        folder.voice_encoder, lambda given: VoiceEncoder(given, json.loads(folder.voice_config.read_text()), place)
    )
    latents = read(folder.latent_coder, lambda given: LatentCoder(given, place))
    if text is None or picture is None or voice is None or latents is None:
        return None
    return Encoders(text, picture, voice, latents)


def encoder_problems(folder: ModelFolder) -> list[str]:
    """Say which of their files are missing or cut short: told by headers alone, so it is quick."""
    problems = [f"{path} is missing" for path in (folder.tokenizer, folder.voice_config) if not path.is_file()]
    for path in _weight_files(folder):
        try:
            open_tensors(path)
        except ValueError as error:
            problems.append(str(error))
    return problems


def encoder_digests(folder: ModelFolder) -> list[str]:
    """Digest the headers of their files."""
    return [open_tensors(path).digest for path in _weight_files(folder)]


def _weight_files(folder: ModelFolder) -> list[Path]:
    return [*folder.text_encoder, *folder.picture_encoder, *folder.voice_encoder, *folder.latent_coder]
