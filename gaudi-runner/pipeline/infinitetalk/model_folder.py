"""Where the published files lie, as users of the original service have them (`/hf` there), and where to get each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .presets import DISTILLED

SHARD = re.compile(r"diffusion_pytorch_model-(\d+)-of-(\d+)\.safetensors")

SOURCES = {
    "Wan2.1-I2V-14B-480P": "huggingface.co/Wan-AI/Wan2.1-I2V-14B-480P",
    "InfiniteTalk": "huggingface.co/MeiGen-AI/InfiniteTalk (single and multi)",
    "chinese-wav2vec2-base": "huggingface.co/TencentGameMate/chinese-wav2vec2-base",
}


@dataclass(frozen=True)
class ModelFolder:
    """The folder that holds all of them."""

    root: Path

    @property
    def base(self) -> Path:
        """Wan2.1: transformer without audio, text and picture encoders, VAE."""
        return self.root / "Wan2.1-I2V-14B-480P"

    @property
    def config(self) -> Path:
        """The transformer's sizes."""
        return self.base / "config.json"

    @property
    def text_encoder(self) -> Path:
        """The weights of umT5."""
        return self.base / "models_t5_umt5-xxl-enc-bf16.pth"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer of umT5."""
        return self.base / "google" / "umt5-xxl" / "tokenizer.json"

    @property
    def picture_encoder(self) -> Path:
        """The weights of CLIP, of which the vision tower is read."""
        return self.base / "models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth"

    @property
    def latent_coder(self) -> Path:
        """The weights of the VAE."""
        return self.base / "Wan2.1_VAE.pth"

    @property
    def voice_encoder(self) -> Path:
        """The weights of wav2vec2, in whichever of its two files is there."""
        folder = self.root / "chinese-wav2vec2-base"
        older = folder / "pytorch_model.bin"
        return older if older.is_file() else folder / "model.safetensors"

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
        """List the transformer's shards in order, also those that are missing but numbered by the others."""
        found = sorted(self.base.glob("diffusion_pytorch_model*.safetensors"))
        numbered = [match for path in found if (match := SHARD.fullmatch(path.name))]
        if not numbered:
            return found or [self.base / "diffusion_pytorch_model-00001-of-00007.safetensors"]
        count, width = int(numbered[0][2]), len(numbered[0][2])
        names = (f"diffusion_pytorch_model-{n:0{width}}-of-{count:0{width}}.safetensors" for n in range(1, count + 1))
        return [self.base / name for name in names]
