"""The transformer with one chunk's conditions: what stays the same over it is made once, if a pass asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from ..engine import Conditions, Pass
from .attention import KeysValues
from .condition import AudioCondition, Condition
from .transformer import Transformer


class Remembered:
    """The newest keys and values of each use; a prompt or a still picture is the same from chunk to chunk."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[Tensor, list[KeysValues]]] = {}

    def of(self, use: str, encoded: Tensor, make: Callable[[Tensor], list[KeysValues]]) -> list[KeysValues]:
        """Make them of what was encoded, or give those made of the same before. A use keeps one."""
        known = self._newest.pop(use, None)
        if known is None or known[0].shape != encoded.shape or not known[0].equal(encoded):
            del known  # before the new ones are made: they are half a gigabyte
            known = (encoded, make(encoded))
        self._newest[use] = known
        return known[1]


class ChunkDenoiser:
    """One chunk's forward passes. Every rank makes the same calls."""

    def __init__(self, model: Transformer, conditions: Conditions, remembered: Remembered) -> None:
        self._model, self._conditions, self._remembered = model, conditions, remembered

    def __call__(self, latent: Tensor, t: float, given: Pass) -> Tensor:
        """Run one forward pass: latent [16, T, h, w] -> velocity [16, T, h, w] float32, the same on every rank."""
        condition = Condition(
            text=self._prompt if given.prompt else self._negative,
            image=self._image,
            audio=self._voices if given.voices else self._silence,
        )
        return self._model(latent, self._conditions.y, t, condition)

    @cached_property
    def _prompt(self) -> list[KeysValues]:
        return self._remembered.of("prompt", self._conditions.text, self._model.text_condition)

    @cached_property
    def _negative(self) -> list[KeysValues]:
        return self._remembered.of("negative", self._conditions.negative_text, self._model.text_condition)

    @cached_property
    def _image(self) -> list[KeysValues]:
        return self._remembered.of("image", self._conditions.clip, self._model.image_condition)

    @cached_property
    def _voices(self) -> AudioCondition:
        return self._model.audio_condition(self._conditions.audio, self._conditions.masks)

    @cached_property
    def _silence(self) -> AudioCondition:
        return self._model.audio_condition(self._conditions.null_audio, self._conditions.masks)
