"""InfiniteTalk's diffusion transformer: one forward pass, from a latent to its velocity, split over the ranks.

Parameters have their published names. Build it on the `meta` device and give it its weights (`weights.py`): nothing is
initialised here, only to be overwritten.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, silu

from ..group import Group
from ..pictures import token_masks
from .attention import KeysValues
from .audio_tokens import AudioTokens
from .block import Block, plain_norm
from .condition import AudioCondition, Condition
from .config import TransformerConfig
from .device import end_graph
from .rotary import grid_rotation
from .tea_cache import PassCache
from .tokens import RankTokens, TokenGrid


class ImageTokens(nn.Module):
    """The picture's features, brought to the model's width. Both norms have eps 1e-5, the gelu is exact."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, dim = config.image_dim, config.dim
        self.proj = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, dim), nn.LayerNorm(dim)
        )


class Head(nn.Module):
    """From tokens back to patches."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.empty(1, 2, config.dim))
        self.head = nn.Linear(config.dim, 4 * config.out_dim)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Take x [share, D], time [D] float32 -> [share, 4 * out_dim] float32, whatever the weights' type."""
        shift, scale = self.modulation[0].float() + time
        return linear_float32(self.head, plain_norm(x).float() * (1 + scale) + shift)


class Transformer(nn.Module):
    """The whole model. All ranks hold all weights; what is split are tokens and, within self-attention, heads."""

    def __init__(self, config: TransformerConfig, group: Group) -> None:
        super().__init__()
        config.check_ranks(group.size)
        self.config = config
        self.group = group
        dim = config.dim
        self.patch_embedding = nn.Conv3d(config.in_dim, dim, (1, 2, 2), (1, 2, 2))
        self.text_embedding = nn.Sequential(nn.Linear(config.text_dim, dim), nn.GELU("tanh"), nn.Linear(dim, dim))
        self.time_embedding = nn.Sequential(nn.Linear(config.freq_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.img_emb = ImageTokens(config)
        self.audio_proj = AudioTokens(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.head = Head(config)

    @classmethod
    def on_meta(cls, config: TransformerConfig, group: Group) -> Transformer:
        """Build the model without weights: names and shapes, no memory."""
        with torch.device("meta"):
            return cls(config, group).requires_grad_(False).eval()

    def text_condition(self, text: Tensor) -> list[KeysValues]:
        """Prepare the text encoder's output [tokens, text_dim], unpadded -> one entry a block.

        Zeros up to text_len rows go through the layers and are attended to: they are part of what the model was taught.
        """
        if text.shape[0] > self.config.text_len:
            raise ValueError(f"a text of {text.shape[0]} tokens; the model reads {self.config.text_len}")
        padded = pad(self._in_weight_type(text), (0, 0, 0, self.config.text_len - text.shape[0]))
        context = self.text_embedding(padded)
        return [block.cross_attn.text(context) for block in self.blocks]

    def image_condition(self, clip: Tensor) -> list[KeysValues]:
        """Prepare the picture encoder's output [257, image_dim] -> one entry a block."""
        context = self.img_emb.proj(self._in_weight_type(clip))
        return [block.cross_attn.image(context) for block in self.blocks]

    def audio_condition(self, audio: Tensor, masks: Tensor) -> AudioCondition:
        """Prepare windows of speech [A, F, 5, layers, width] and masks [3, H, W] at latent size -> this rank's part.

        The null audio is one voice of zeros, also where two people speak: what counts is `audio` alone.
        """
        voices, frames = audio.shape[:2]
        if voices not in (1, 2):
            raise ValueError(f"{voices} voices; the model knows one or two")
        if (frames - 1) % 4:
            raise ValueError(f"{frames} video frames are not 4 n + 1")
        grid = TokenGrid.of_latent((frames - 1) // 4 + 1, *masks.shape[-2:])
        tokens = RankTokens.of(grid, self.group)
        every_frame = self.audio_proj(self._in_weight_type(audio))  # [T, A * Na, Da]
        mine = every_frame[tokens.frames]
        faces = token_masks(masks).to(mine.device) if voices == 2 else None
        return AudioCondition(tokens, [block.audio_cross_attn.voices(mine, voices) for block in self.blocks], faces)

    def forward(
        self, latent: Tensor, y: Tensor, t: float, condition: Condition, cache: PassCache | None = None
    ) -> Tensor:
        """Take latent [16,T,H,W], y [20,T,H,W], t 0 .. 1000 -> velocity [16,T,H,W] float32, the same on every rank.

        With a cache, what the blocks did at an earlier t may stand for what they would do at this one.
        """
        tokens = condition.audio.tokens
        grid = tokens.grid
        if latent.shape[1:] != (grid.frames, 2 * grid.rows, 2 * grid.columns):
            raise ValueError(f"a latent of {tuple(latent.shape)} with conditions made for {grid}")
        patches = tokens.local(patches_of(self._in_weight_type(torch.cat((latent, y)))))  # [share, 4 * 36]
        x = linear(patches, self.patch_embedding.weight.flatten(1), self.patch_embedding.bias)
        head_time, block_time = self.times(t)
        rotation = grid_rotation(tokens, self.config.head_width, x.device)

        def blocks(x: Tensor) -> Tensor:
            audio = condition.audio
            each = zip(self.blocks, condition.text, condition.image, audio.voices, strict=True)
            for block, text, image, voices in each:
                x = block(x, block_time, rotation, text, image, voices, audio.faces, tokens, self.group)
                end_graph(x)
            return x

        x = blocks(x) if cache is None else cache.through(block_time, x, blocks)
        out = self.group.gather(self.head(x, head_time), dim=0, gathered=grid.count)  # [count, 4 * 16]
        return latent_of(out, grid)

    def times(self, t: float) -> tuple[Tensor, Tensor]:
        """Embed a time step for the head [D] and the blocks [6, D], in float32 whatever the weights' type."""
        half = self.config.freq_dim // 2
        angles = t * 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
        raw = torch.cat((angles.cos(), angles.sin())).float().to(self.patch_embedding.weight.device)
        head = linear_float32(self.time_embedding[2], silu(linear_float32(self.time_embedding[0], raw)))
        return head, linear_float32(self.time_projection[1], silu(head)).unflatten(0, (6, -1))

    def _in_weight_type(self, x: Tensor) -> Tensor:
        weight = self.patch_embedding.weight
        return x.to(weight.device, weight.dtype)


def patches_of(x: Tensor) -> Tensor:
    """Cut [C, T, H, W] -> [tokens, C * 4]: channel slowest, then row and column within the 2 x 2 patch."""
    channels, frames, height, width = x.shape
    x = x.reshape(channels, frames, height // 2, 2, width // 2, 2)
    return x.permute(1, 2, 4, 0, 3, 5).reshape(frames * height * width // 4, channels * 4)


def latent_of(out: Tensor, grid: TokenGrid) -> Tensor:
    """Join [tokens, 4 * C] -> [C, T, H, W]: here the channel is fastest, unlike in `patches_of`."""
    x = out.reshape(grid.frames, grid.rows, grid.columns, 2, 2, -1)
    return x.permute(5, 0, 1, 3, 2, 4).reshape(-1, grid.frames, 2 * grid.rows, 2 * grid.columns)


def linear_float32(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a layer in float32 to its weights as they are stored."""
    return linear(x, layer.weight.float(), layer.bias.float())
