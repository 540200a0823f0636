"""InfiniteTalk behind the streaming loop's interface: what the loop asks of a model, from the published weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from pipeline.engine import Conditions, Signal, Tick
from pipeline.infinitetalk.denoiser import ChunkDenoiser, KVCache
from pipeline.infinitetalk.device import Device
from pipeline.infinitetalk.encoders.published import Encoders, encoder_digests, encoder_problems, load_encoders
from pipeline.infinitetalk.model import Transformer
from pipeline.infinitetalk.weights.config_file import read_config
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from pipeline.infinitetalk.weights.transformer import TransformerWeights, Variant, WeightsError, check_weights
from pipeline.presets import DISTILLED, QUALITY
from pipeline.rank.group import Group

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
        return self._on_rank0.text.encode(prompt)

    def encode_picture(self, picture: Tensor) -> Tensor:
        """CLIP features [257, image_dim] of a picture [3, H, W] in [-1, 1]. Rank 0."""
        return self._on_rank0.picture.encode(picture)

    def embed_voice(self, signal: Signal, frames: int, fps: int) -> Iterator[Tensor]:  # noqa: ARG002 - frames says it
        """Layers of wav2vec2 [some, layers, width], piece by piece, of a signal of so many frames. Rank 0."""
        return self._on_rank0.voice.embed(signal, frames)

    def vae_encode(self, frames: Tensor, tick: Tick) -> Tensor:
        """[3, F, H, W] in [-1, 1] -> [16, 1 + (F - 1) / 4, H / 8, W / 8]; a prefix gives a prefix. Rank 0."""
        return self._on_rank0.latents.encode(frames, tick)

    def vae_decode(self, latent: Tensor, tick: Tick) -> Tensor:
        """Decode to [3, F, H, W] in [-1, 1] on the CPU. Rank 0."""
        return self._on_rank0.latents.decode(latent, tick).cpu()

    def denoiser(self, conditions: Conditions, tick: Tick) -> ChunkDenoiser:  # noqa: ARG002 - swaps layers in seconds
        """Bind a chunk's conditions; for another number of voices swap the audio layers first. Every rank."""
        assert self._placed is not None
        self._place(Variant(conditions.audio.shape[0], self._placed.preset))
        return ChunkDenoiser(self._transformer, conditions, self._kv_cache)

    def _place(self, wanted: Variant, beat: Callable[[], None] = lambda: None) -> None:
        if wanted == self._placed:
            return
        self._kv_cache = KVCache()  # made with the weights of before
        self._weights.place(self._transformer, wanted, self._placed, self._device.torch, self._device.dtype, beat)
        self._placed = wanted

    @property
    def _on_rank0(self) -> Encoders:
        assert self._encoders is not None, "encoders are called on rank 0 only"
        return self._encoders


def check_files(root: Path, ranks: int) -> None:
    """Find what is wrong with the files and the number of ranks by headers alone, before ranks wait for each other.

    WeightsError with all of it.
    """
    folder = ModelFolder(root)
    problems = encoder_problems(folder)
    try:
        config = read_config(folder.config)
        config.check_ranks(ranks)
    except (ValueError, OSError, KeyError) as error:
        problems.append(f"{folder.config}: {error}")
    _open_transformer(Group(), folder, problems)
    if problems:
        raise WeightsError(folder, list(dict.fromkeys(problems)))


def _checked(
    group: Group, folder: ModelFolder, device: Device
) -> tuple[TransformerWeights, Transformer, Encoders | None]:
    """Find everything that is wrong with the files before any rank reads the large ones; raise it on all ranks."""
    problems: list[str] = []
    encoders = load_encoders(folder, device, problems) if group.is_rank0 else None
    opened = _open_transformer(group, folder, problems)
    problems = group.broadcast_object(problems)
    if opened is None or problems:
        raise WeightsError(folder, problems)
    return *opened, encoders


def _open_transformer(
    group: Group, folder: ModelFolder, problems: list[str]
) -> tuple[TransformerWeights, Transformer] | None:
    try:
        transformer = Transformer.on_meta(read_config(folder.config), group)
        return check_weights(transformer, folder), transformer
    except WeightsError as error:
        problems += error.problems
    except (ValueError, OSError, KeyError) as error:
        problems.append(f"{folder.config}: {error}")
    return None
