"""What a rank computes on, decided once: Gaudi, a CUDA card or the CPU. The only file that knows them apart.

What holds on all of them: every cast is written out where it belongs and autocast is off, so that the float32 islands
of the published model are the same everywhere; a step counts as done when a number of its latent has been read
(`denoise.py`), which waits for the device.

The Gaudi part is written against Habana's documentation of its PyTorch bridge; it has not run on a Gaudi. The bridge
reads its settings while torch is imported, so the runner sets them before: lazy mode, in which one block's graph is
compiled once and shared by all, and a cache of compiled graphs, from which later starts take them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from pipeline.engine import CannotStart, Shape

# A whole chunk in the bucket of square pictures, so that its speed is that of real videos.
STANDARD = Shape(640, 640, 81)
# Whole chunks of the pictures that people have, square and 16:9 either way.
COMMON = (STANDARD, Shape(448, 896, 81), Shape(832, 448, 81))
# For a CPU: attention over the standard shape's 33,600 tokens takes 100 s there even with tiny weights.
SMALL = Shape(128, 128, 5)


@dataclass(frozen=True)
class Device:
    """One rank's device: where tensors live, their type in the transformer, and what carries them between ranks."""

    torch: torch.device
    dtype: torch.dtype
    backend: str  # of torch.distributed

    @property
    def compiles(self) -> bool:
        """Whether each new shape is compiled first, which takes minutes."""
        return self.torch.type == "hpu"

    @property
    def warm_up(self) -> tuple[Shape, ...]:
        """What is passed through before the ranks are ready; the first one's speed is told.

        Where graphs are compiled, one for each common shape: other buckets are compiled with their first video.
        """
        if self.torch.type == "cpu":
            return (SMALL,)
        return COMMON if self.compiles else (STANDARD,)

    @property
    def half(self) -> torch.dtype:
        """Type of the picture encoder, which was published in float16; a CPU computes in float32."""
        return torch.float32 if self.torch.type == "cpu" else torch.float16


def choose_device(kind: str | None = None) -> Device:
    """Take `hpu`, `cuda` or `cpu`, or the first that this machine has; of several cards the local rank's.

    CannotStart where the machine has none of the kind, or fewer cards than ranks.
    """
    kind = kind or next(name for name in ("hpu", "cuda", "cpu") if _has(name))
    if not _has(kind):
        raise CannotStart(f"device {kind}: this machine has none that PyTorch sees; DEVICE=auto takes what is there")
    match kind:
        case "hpu":
            import_module("habana_frameworks.torch.core")  # registers the device
            import_module("habana_frameworks.torch.distributed.hccl")
            if recipes := os.environ.get("PT_HPU_RECIPE_CACHE_CONFIG", "").split(",")[0]:
                Path(recipes).mkdir(parents=True, exist_ok=True)
            return Device(torch.device("hpu"), torch.bfloat16, "hccl")  # each process sees one card
        case "cuda":
            local, here = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
            ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
            if ranks > here:
                raise CannotStart(f"{ranks} ranks need a card each, and this machine has {here}: set RANKS to {here}")
            card = torch.device("cuda", local)
            torch.cuda.set_device(card)
            return Device(card, torch.bfloat16, "nccl")
        case "cpu":
            return Device(torch.device("cpu"), torch.float32, "gloo")
    raise ValueError(f"a device {kind!r}; known are hpu, cuda and cpu")


def fused_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of [B, heads, tokens, head_width], without holding all weights at once."""
    if q.device.type == "hpu":
        kernel: Any = import_module("habana_frameworks.torch.hpex.kernels").FusedSDPA
        # The quick softmax is less exact: it is for the tokens among each other, where the time goes. The few keys of
        # text, picture and voices get the exact one, as in the original's Gaudi port.
        softmax = "fast" if k.shape[-2] == q.shape[-2] else "None"
        # attn_mask, dropout_p, is_causal, scale, softmax_mode, recompute: the last keeps nothing for a backward pass.
        return kernel.apply(q, k, v, None, 0.0, False, None, softmax, True)
    return scaled_dot_product_attention(q, k, v)


def wait_for(x: Tensor) -> None:
    """Return when the device has computed x: reading a number waits for it."""
    x[(0,) * x.dim()].item()


def end_graph(x: Tensor) -> None:
    """In lazy mode, hand what has been recorded to the card: one graph a block, which all blocks then share."""
    if x.device.type == "hpu" and os.environ.get("PT_HPU_LAZY_MODE") == "1":
        import_module("habana_frameworks.torch.core").mark_step()


def _has(kind: str) -> bool:
    if kind == "hpu":
        return find_spec("habana_frameworks") is not None
    return kind != "cuda" or torch.cuda.is_available()
