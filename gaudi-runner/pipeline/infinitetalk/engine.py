"""InfiniteTalk behind the streaming loop's interface: what the loop asks of a model, from the published weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from ..engine import Conditions, GoOn
from ..group import Group
from ..presets import DISTILLED, QUALITY
from ..signals import Signal
from .config import TransformerConfig
from .denoiser import ChunkDenoiser, Remembered
from .device import Device
from .encoders.published import Encoders, encoder_digests, load_encoders
from .model_folder import ModelFolder
from .transformer import Transformer
from .weights import TransformerWeights, Variant, WeightsError, check_weights

# Raise it when the same weights give other numbers: checkpoints of before are refused then.
ARITHMETIC = 1


class InfiniteTalkEngine:
    """The model resident on this rank: the whole transformer on every rank, the encoders on rank 0."""

    name = "infinitetalk"
    model = "InfiniteTalk"
    latent_channels = 16

    def __init__(self, group: Group, root: Path, device: Device) -> None:
        """Check all files, agree that they are good, then read them. WeightsError, on every rank alike."""
        self._folder = ModelFolder(root)
        self._device, self.device = device, device.torch
        self._weights, self._transformer, encoders = _checked(group, self._folder, device)
        self._encoders = encoders
        self._placed: Variant | None = None
        self._place(Variant())
        self._digests = [str(ARITHMETIC), str(device.dtype), *encoder_digests(self._folder)]
        self.presets = (QUALITY, *self._weights.loras)
        self.versions = {f"lora {preset}": str(lora) for preset, lora in self._weights.loras.items()}

    def identity_of(self, preset: str) -> str:
        """Name weights and arithmetic of a preset's videos."""
        parts = " ".join((*self._digests, self._weights.identity(preset)))
        return f"infinitetalk {hashlib.sha256(parts.encode()).hexdigest()[:16]}"

    def refusal(self, preset: str) -> str | None:
        """Say why a preset is not offered: which file is not there, and where it is to be had."""
        if preset in self.presets:
            return None
        path, source = self._folder.lora(preset), DISTILLED[preset].source
        return f"the preset {preset} needs {path}, from {source}, and a start of the ranks once it is there"

    def use(self, preset: str, beat: Callable[[], None]) -> None:
        """Put a preset's weights in place, parameter by parameter; nothing where they are. Every rank."""
        assert self._placed is not None
        self._place(Variant(self._placed.voices, preset), beat)

    def encode_text(self, prompt: str) -> Tensor:
        """Encode a prompt to [tokens, text_dim]. Rank 0."""
        return self._on_lead.text.encode(prompt)

    def encode_picture(self, picture: Tensor) -> Tensor:
        """CLIP features [257, image_dim] of a picture [3, H, W] in [-1, 1]. Rank 0."""
        return self._on_lead.picture.encode(picture)

    def embed_voice(self, signal: Signal, frames: int, fps: int) -> Iterator[Tensor]:  # noqa: ARG002 - frames says it
        """Layers of wav2vec2 [some, layers, width], piece by piece, of a signal of so many frames. Rank 0."""
        return self._on_lead.voice.embed(signal, frames)

    def vae_encode(self, frames: Tensor, go_on: GoOn) -> Tensor:
        """[3, F, H, W] in [-1, 1] -> [16, 1 + (F - 1) / 4, H / 8, W / 8]; a prefix gives a prefix. Rank 0."""
        return self._on_lead.latents.encode(frames, go_on)

    def vae_decode(self, latent: Tensor, go_on: GoOn) -> Tensor:
        """Decode to [3, F, H, W] in [-1, 1] on the CPU. Rank 0."""
        return self._on_lead.latents.decode(latent, go_on).cpu()

    def denoiser(self, conditions: Conditions, go_on: GoOn) -> ChunkDenoiser:  # noqa: ARG002 - swaps layers in seconds
        """Bind a chunk's conditions; for another number of voices swap the audio layers first. Every rank."""
        assert self._placed is not None
        self._place(Variant(conditions.audio.shape[0], self._placed.preset))
        return ChunkDenoiser(self._transformer, conditions, self._remembered)

    def _place(self, wanted: Variant, beat: Callable[[], None] = lambda: None) -> None:
        if wanted == self._placed:
            return
        self._remembered = Remembered()  # made with the weights of before
        self._weights.place(self._transformer, wanted, self._placed, self._device.torch, self._device.dtype, beat)
        self._placed = wanted

    @property
    def _on_lead(self) -> Encoders:
        assert self._encoders is not None, "encoders are called on rank 0 only"
        return self._encoders


def _checked(
    group: Group, folder: ModelFolder, device: Device
) -> tuple[TransformerWeights, Transformer, Encoders | None]:
    """Find everything that is wrong with the files before any rank reads the large ones; raise it on all ranks."""
    problems: list[str] = []
    encoders = load_encoders(folder, device, problems) if group.leads else None
    weights = transformer = None
    try:
        transformer = Transformer.on_meta(TransformerConfig.read(folder.config), group)
        weights = check_weights(transformer, folder)
    except WeightsError as error:
        problems += error.problems
    except (ValueError, OSError, KeyError) as error:
        problems.append(f"{folder.config}: {error}")
    problems = group.agree(problems)
    if weights is None or transformer is None or problems:
        raise WeightsError(folder, problems)
    return weights, transformer, encoders
