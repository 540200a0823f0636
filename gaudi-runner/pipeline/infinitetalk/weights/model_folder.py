"""Where the published files lie, as users of the original service have them (`/hf` there), and where to get each.

The base model comes in two layouts: the original's, and diffusers' (`…-Diffusers`), read where only that one is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.presets import DISTILLED

BASE = "Wan2.1-I2V-14B-480P"
NUMBERED = re.compile(r"(.*)-(\d+)-of-(\d+)\.safetensors")


@dataclass(frozen=True)
class ModelFolder:
    """The folder that holds all of them."""

    root: Path

    @property
    def diffusers(self) -> bool:
        """Whether the base model is there in diffusers' layout and in no other."""
        return not (self.root / BASE).is_dir() and (self.root / f"{BASE}-Diffusers").is_dir()

    @property
    def base(self) -> Path:
        """Wan2.1: transformer without audio, text and picture encoders, VAE."""
        return self.root / (f"{BASE}-Diffusers" if self.diffusers else BASE)

    @property
    def sources(self) -> dict[Path, str]:
        """Where each folder is to be had."""
        return {
            self.base: f"huggingface.co/Wan-AI/{self.base.name}",
            self.root / "InfiniteTalk": "huggingface.co/MeiGen-AI/InfiniteTalk (single and multi)",
            self.root / "chinese-wav2vec2-base": "huggingface.co/TencentGameMate/chinese-wav2vec2-base",
        }

    @property
    def config(self) -> Path:
        """The transformer's sizes."""
        return self.base / "transformer" / "config.json" if self.diffusers else self.base / "config.json"

    @property
    def text_encoder(self) -> list[Path]:
        """The weights of umT5."""
        return self._either("models_t5_umt5-xxl-enc-bf16.pth", "text_encoder", "model")

    @property
    def tokenizer(self) -> Path:
        """The tokenizer of umT5."""
        folder = self.base / "tokenizer" if self.diffusers else self.base / "google" / "umt5-xxl"
        return folder / "tokenizer.json"

    @property
    def picture_encoder(self) -> list[Path]:
        """The weights of CLIP, of which the vision tower is read."""
        return self._either("models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth", "image_encoder", "model")

    @property
    def latent_coder(self) -> list[Path]:
        """The weights of the VAE."""
        return self._either("Wan2.1_VAE.pth", "vae", "diffusion_pytorch_model")

    @property
    def voice_encoder(self) -> list[Path]:
        """The weights of wav2vec2, in whichever of its two files is there."""
        folder = self.root / "chinese-wav2vec2-base"
        older = folder / "pytorch_model.bin"
        return [older if older.is_file() else folder / "model.safetensors"]

    @property
    def voice_config(self) -> Path:
        """The settings of wav2vec2."""
        return self.root / "chinese-wav2vec2-base" / "config.json"

    def adapter(self, voices: int) -> Path:
        """Choose the audio layers for one voice or two.

        Without `multi`, two voices get `single`, as they always did in the original service.
        """
        names = ("multi", "single") if voices == 2 else ("single",)
        paths = [self.root / "InfiniteTalk" / name / "infinitetalk.safetensors" for name in names]
        return next((path for path in paths if path.is_file()), paths[-1])

    def lora(self, preset: str) -> Path:
        """Find the LoRA of a preset, under whichever of its names it is there; else the first of them."""
        paths = [self.root / "loras" / name for name in DISTILLED[preset].files]
        return next((path for path in paths if path.is_file()), paths[0])

    def shards(self) -> list[Path]:
        """List the transformer's shards."""
        if self.diffusers:
            return shards(self.base / "transformer", "diffusion_pytorch_model", 14)
        return shards(self.base, "diffusion_pytorch_model", 7)

    def _either(self, original: str, folder: str, stem: str) -> list[Path]:
        return shards(self.base / folder, stem) if self.diffusers else [self.base / original]


def shards(folder: Path, stem: str, published: int = 1) -> list[Path]:
    """List a folder's shards in order, also those that are missing but numbered by the others.

    Their numbers say all that an index file would. Of an empty folder, the first of as many as are published.
    """
    found = sorted(folder.glob(f"{stem}*.safetensors"))
    numbered = [match for path in found if (match := NUMBERED.fullmatch(path.name)) and match[1] == stem]
    if not numbered:
        first = stem if published == 1 else f"{stem}-00001-of-{published:05}"
        return found or [folder / f"{first}.safetensors"]
    count, width = int(numbered[0][3]), len(numbered[0][3])
    return [folder / f"{stem}-{n:0{width}}-of-{count:0{width}}.safetensors" for n in range(1, count + 1)]
