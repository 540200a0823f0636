"""The presets of an order: the weights that each renders with, and where the LoRAs of the quick ones are published.

Steps, guides and shift of a preset are the order's own; here is only what changes the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

QUALITY = "quality"  # the weights as they are


@dataclass(frozen=True)
class Distilled:
    """A LoRA for few steps. `files`: the names it is published under, the first of them what the authors recommend."""

    files: tuple[str, ...]
    source: str
    scale: float = 1.0


DISTILLED = {
    "fast": Distilled(
        ("Wan2.1_I2V_14B_FusionX_LoRA.safetensors",),
        "huggingface.co/vrgamedevgirl84/Wan14BT2VFusioniX (folder FusionX_LoRa)",
    ),
    "turbo": Distilled(
        (
            "Wan21_T2V_14B_lightx2v_cfg_step_distill_lora_rank32.safetensors",
            "Wan21_I2V_14B_lightx2v_cfg_step_distill_lora_rank64.safetensors",
        ),
        "huggingface.co/Kijai/WanVideo_comfy",
    ),
}

PRESETS = (QUALITY, *DISTILLED)
