"""TeaCache: leave out the blocks of a forward pass where the time embedding says that they would change little.

Off unless a Sampling asks for it: the frames are other ones. What it knows is of one chunk: it is made anew for each,
so that nothing is left of the chunk before or of a job that was cancelled. Each of a step's three passes has its own.
Its decisions follow from the steps and the time weights alone, so all ranks take the same without a word.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

ALWAYS = 5  # steps that are computed whatever the time embedding says
# How much an embedding's change says of the blocks' (published for the embedding that the blocks are given), highest
# power first; for the two sizes, which have about 1,600 and 3,600 tokens a latent frame.
SMALL = (257151.496, -35422.9917, 1402.86849, -13.5890334, 0.132517977)
LARGE = (8107.0546, 2133.93892, -372.934672, 16.6203073, -0.0417769401)
LARGE_TOKENS = 2500


class PassCache:
    """What the blocks did in the last computed pass of one kind, and how far the embedding has gone since."""

    def __init__(self, threshold: float, tokens_per_frame: int) -> None:
        self._threshold = threshold
        self._polynomial = LARGE if tokens_per_frame > LARGE_TOKENS else SMALL
        self._calls, self._distance = 0, 0.0
        self._signal: Tensor | None = None
        self._residual: Tensor | None = None

    def through(self, signal: Tensor, x: Tensor, blocks: Callable[[Tensor], Tensor]) -> Tensor:
        """Bring x [share, D] through the blocks, or as far as they brought the last one. `signal`: [6, D] float32."""
        if self._may_skip(signal):
            assert self._residual is not None
            return x + self._residual
        self._distance = 0.0
        out = blocks(x)
        self._residual = out - x
        return out

    def _may_skip(self, signal: Tensor) -> bool:
        before, self._signal = self._signal, signal
        self._calls += 1
        if before is None or self._calls <= ALWAYS:
            return False
        change = float((signal - before).abs().mean() / before.abs().mean())
        self._distance += float(np.polyval(self._polynomial, change))
        return self._distance < self._threshold
