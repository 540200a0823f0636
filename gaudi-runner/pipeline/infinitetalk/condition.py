"""What the blocks attend to, constant over a chunk: keys and values made once and passed to every forward of the chunk.

The three parts are separate because they live differently, a text's and a still picture's for the whole job, a chunk's
audio for the chunk, and because the passes of a step share them: (text, audio), (negative, audio), (negative, null).
At 480 a text holds 0.42 GB in bf16, a picture 0.21 GB, one voice 0.55 GB over all ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pipeline.infinitetalk.attention import KeysValues
from pipeline.infinitetalk.parallel import RankTokens


@dataclass(frozen=True)
class AudioCondition:
    """Keys and values of this rank's latent frames, one entry a block, and the faces where two people speak."""

    tokens: RankTokens
    voices: list[KeysValues]
    faces: Tensor | None  # [3, per_frame] of 0 and 1


@dataclass(frozen=True)
class Condition:
    """Everything a forward attends to besides its own tokens."""

    text: list[KeysValues]
    image: list[KeysValues]
    audio: AudioCondition
