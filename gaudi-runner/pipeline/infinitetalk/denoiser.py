"""The transformer with one chunk's conditions: what stays the same over it is made once, if a pass asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from pipeline.engine import Conditions, Pass
from pipeline.infinitetalk.attention import KeysValues
from pipeline.infinitetalk.model import AudioCondition, Condition, Transformer


class KVCache:
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
    """One chunk's forward passes. Every rank makes the same calls.

    A step's passes run one after the other, not as one batch: a rank of eight has 4,200 tokens of a chunk at 480,
    enough for a layer's weights to be read once for many products, so that a batch has nothing left to save. Measured
    on a CPU with a small block, three passes at once took 0.88 of the time at 60 tokens, 0.99 at 1,050 and 1.03 at
    4,200; and they hold three times the activations, in shapes that are compiled for each number of passes.
    """

    def __init__(self, model: Transformer, conditions: Conditions, kv_cache: KVCache) -> None:
        self._model, self._conditions, self._kv_cache = model, conditions, kv_cache

    def __call__(self, latent: Tensor, t: float, condition: Pass) -> Tensor:
        """Run one forward pass: latent [16, T, h, w] -> velocity [16, T, h, w] float32, the same on every rank."""
        attended = Condition(
            text=self._prompt if condition.prompt else self._negative,
            image=self._image,
            audio=self._audio if condition.voices else self._silence,
        )
        return self._model(latent, self._conditions.y, t, attended)

    @cached_property
    def _prompt(self) -> list[KeysValues]:
        return self._kv_cache.of("prompt", self._conditions.text, self._model.text_condition)

    @cached_property
    def _negative(self) -> list[KeysValues]:
        return self._kv_cache.of("negative", self._conditions.negative_text, self._model.text_condition)

    @cached_property
    def _image(self) -> list[KeysValues]:
        return self._kv_cache.of("image", self._conditions.clip, self._model.image_condition)

    @cached_property
    def _audio(self) -> AudioCondition:
        return self._model.audio_condition(self._conditions.audio, self._conditions.masks)

    @cached_property
    def _silence(self) -> AudioCondition:
        return self._model.audio_condition(self._conditions.null_audio, self._conditions.masks)
