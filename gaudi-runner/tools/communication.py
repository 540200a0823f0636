"""Bytes that a rank hands to others in one forward pass: counted on small models, and by formula for the published one.

Started on every rank, as `join_ranks` says. Rank 0 prints one JSON object as the last line; `npm run bench -- comm`
starts the ranks and makes a table of it.
"""

from __future__ import annotations

import json

import torch
import torch.distributed as dist

from pipeline.engine import Conditions, Pass
from pipeline.infinitetalk.denoiser import ChunkDenoiser, KVCache
from pipeline.infinitetalk.model import Transformer, TransformerConfig
from pipeline.infinitetalk.parallel import TokenGrid
from pipeline.rank.group import Group, join_ranks

TINY = TransformerConfig(
    dim=64, ffn_dim=128, freq_dim=32, num_heads=8, num_layers=2, text_dim=32, image_dim=80,
    audio_layers=2, audio_dim=32, intermediate_dim=16, output_dim=32, context_tokens=4,
)  # fmt: skip
# Latents [T, h, w]: one that 8 ranks share evenly, one that they do not.
COUNTED = ((4, 8, 8), (3, 6, 10))
PUBLISHED = {"480": (21, 80, 80), "720": (21, 120, 120)}  # 81 frames of 640 x 640 and 960 x 960


def main() -> None:
    """Count on these ranks, and work out the published sizes on as many."""
    torch.set_num_threads(1)
    join_ranks("gloo")
    group = Group()
    counted = [
        {
            "tokens": TokenGrid.of_latent(*size).count,
            "counted": counted_bytes(TINY, size, group),
            "formula": formula_bytes(TINY, size, group.size, width=4),
        }
        for size in COUNTED
    ]
    published = {
        name: {
            "tokens": TokenGrid.of_latent(*size).count,
            "formula": formula_bytes(TransformerConfig(), size, group.size, width=2),
        }
        for name, size in PUBLISHED.items()
    }
    if group.is_rank0:
        print(json.dumps({"ranks": group.size, "counted": counted, "published": published}))
    dist.barrier()  # leaving early would cut the connections that others still use
    dist.destroy_process_group()


def formula_bytes(config: TransformerConfig, size: tuple[int, int, int], ranks: int, width: int) -> int:
    """Bytes that rank 0 sends for one voice, numbers of `width` bytes in the blocks and of 4 in the output.

    Each block hands q, k and v of its own tokens to the ranks whose heads they are, and what its own heads made of the
    others' tokens back; the output is gathered once.
    """
    tokens = TokenGrid.of_latent(*size).count
    share = -(-tokens // ranks)
    there = 3 * share * config.dim * (ranks - 1) // ranks
    back = (tokens - share) * config.dim // ranks
    output = share * 4 * config.out_dim * (ranks - 1)
    return width * config.num_layers * (there + back) + 4 * output


def counted_bytes(config: TransformerConfig, size: tuple[int, int, int], group: Group) -> int:
    """Bytes that this rank sends in a forward pass of float32, by the group's own count. Collective."""
    model = Transformer.on_meta(config, group).to_empty(device="cpu")
    for parameter in model.parameters():
        parameter.data.zero_()
    frames, height, width = size
    conditions = Conditions(
        text=torch.zeros(7, config.text_dim),
        negative_text=torch.zeros(7, config.text_dim),
        clip=torch.zeros(257, config.image_dim),
        y=torch.zeros(20, *size),
        audio=torch.zeros(1, 4 * frames - 3, 5, config.audio_layers, config.audio_dim),
        masks=torch.ones(3, height, width),
        start=0,
        fps=25,
        reference=None,
    )
    with torch.inference_mode():
        before = group.bytes_sent
        ChunkDenoiser(model, conditions, KVCache())(torch.zeros(16, *size), 500.0, Pass(prompt=True, voices=True))
    return group.bytes_sent - before


if __name__ == "__main__":
    main()
