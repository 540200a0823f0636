"""InfiniteTalk's diffusion transformer: one forward pass, from a latent to its velocity, split over the ranks.

From top to bottom: the sizes, what the blocks attend to, the layers that prepare it, one block, the whole model.
Parameters have their published names. Build it on the `meta` device and give it its weights (`weights/`): nothing is
initialised here, only to be overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear, pad, silu

from pipeline.infinitetalk.attention import AudioAttention, CrossAttention, KeysValues, SelfAttention
from pipeline.infinitetalk.device import end_graph
from pipeline.infinitetalk.parallel import RankTokens, TokenGrid
from pipeline.infinitetalk.ref_attn_map import token_positions
from pipeline.infinitetalk.rotary import Rotation, grid_rotation
from pipeline.pictures.masks import token_masks
from pipeline.rank.group import Group

EPS = 1e-6
AUDIO_WINDOW = 5  # video frames -2 .. +2 around each one
AUDIO_GROUP = 8  # window entries that stand for the four video frames of a latent frame


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes; the defaults are the published 14B model's. Field names are the published ones."""

    dim: int = 5120
    ffn_dim: int = 13824
    freq_dim: int = 256
    in_dim: int = 36
    out_dim: int = 16
    num_heads: int = 40
    num_layers: int = 40
    text_len: int = 512
    # Constants of the original code, which no published file says:
    text_dim: int = 4096
    image_dim: int = 1280
    audio_layers: int = 12
    audio_dim: int = 768
    intermediate_dim: int = 512
    output_dim: int = 768
    context_tokens: int = 32

    def __post_init__(self) -> None:
        if self.dim % self.num_heads or (self.dim // self.num_heads) % 2:
            raise ValueError(f"dim {self.dim} does not split into {self.num_heads} heads of even width")

    def check_ranks(self, ranks: int) -> None:
        """See that every rank gets as many heads. ValueError."""
        if self.num_heads % ranks:
            raise ValueError(f"{self.num_heads} heads cannot be split over {ranks} ranks")

    @property
    def head_width(self) -> int:
        """Channels of one head."""
        return self.dim // self.num_heads


@dataclass(frozen=True)
class AudioCondition:
    """Keys and values of this rank's latent frames, one entry a block, and the masks of the people where two speak."""

    tokens: RankTokens
    audio_emb: list[KeysValues]
    ref_target_masks: Tensor | None  # [3, per_frame] of 0 and 1: person 1, person 2, background


@dataclass(frozen=True)
class Condition:
    """What the blocks attend to besides their own tokens, constant over a chunk: keys and values, one entry a block.

    The three parts are separate because they live differently, a text's and a still picture's for the whole job, a
    chunk's audio for the chunk, and because the passes of a step share them: (text, audio), (negative, audio),
    (negative, null). At 480 a text holds 0.42 GB in bf16, a picture 0.21 GB, one voice 0.55 GB over all ranks.
    """

    text: list[KeysValues]
    image: list[KeysValues]
    audio: AudioCondition

    def by_block(self) -> Iterator[Context]:
        """Yield each block's part."""
        for text, image, audio_emb in zip(self.text, self.image, self.audio.audio_emb, strict=True):
            yield Context(text, image, audio_emb)


class Context(NamedTuple):
    """What one block attends to besides its own tokens."""

    text: KeysValues
    image: KeysValues
    audio_emb: KeysValues


class Shared(NamedTuple):
    """What all blocks of a forward pass are given alike."""

    time: Tensor  # [6, D] float32
    rotation: Rotation
    tokens: RankTokens
    ref_target_masks: Tensor | None  # [3, per_frame] of 0 and 1, where two people speak


class ImageTokens(nn.Module):
    """The picture's features, brought to the model's width. Both norms have eps 1e-5, the gelu is exact."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, dim = config.image_dim, config.dim
        self.proj = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, dim), nn.LayerNorm(dim)
        )


class AudioTokens(nn.Module):
    """Parameters under their published names: proj1 for the first latent frame, proj1_vf for the others."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        entry = config.audio_layers * config.audio_dim
        inner = config.intermediate_dim
        self.shape = (config.context_tokens, config.output_dim)
        self.proj1 = nn.Linear(AUDIO_WINDOW * entry, inner)
        self.proj1_vf = nn.Linear(AUDIO_GROUP * entry, inner)
        self.proj2 = nn.Linear(inner, inner)
        self.proj3 = nn.Linear(inner, config.context_tokens * config.output_dim)
        self.norm = nn.LayerNorm(config.output_dim)  # eps 1e-5, unlike the blocks'

    def forward(self, audio: Tensor) -> Tensor:
        """Take windows [A, F, 5, layers, width], F = 4 (T - 1) + 1 -> [T, A * Na, Da], first voice first."""
        first = self.proj1(audio[:, :1].flatten(2))  # [A, 1, inner]
        fours = audio[:, 1:].unflatten(1, (-1, 4))  # [A, T - 1, 4, 5, layers, width]
        # Of four frames: what came before the first one, the middle of each, what comes after the last one.
        entries = torch.cat((fours[:, :, 0, :3], fours[:, :, 1:3, 2], fours[:, :, 3, 2:]), dim=2)
        h = torch.cat((first, self.proj1_vf(entries.flatten(2))), dim=1).relu()  # [A, T, inner]
        h = self.proj3(self.proj2(h).relu())
        tokens = self.norm(h.unflatten(-1, self.shape))  # [A, T, Na, Da]
        return tokens.transpose(0, 1).flatten(1, 2)


class Block(nn.Module):
    """Parameters under their published names; `norm_x` and `audio_cross_attn` are the audio adapter's."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, heads = config.dim, config.num_heads
        self.modulation = nn.Parameter(torch.empty(1, 6, dim))
        self.self_attn = SelfAttention(dim, heads)
        self.norm3 = nn.LayerNorm(dim, EPS)
        self.cross_attn = CrossAttention(dim, heads)
        self.norm_x = nn.LayerNorm(dim, EPS)
        self.audio_cross_attn = AudioAttention(dim, heads, config.output_dim)
        self.ffn = nn.Sequential(nn.Linear(dim, config.ffn_dim), nn.GELU("tanh"), nn.Linear(config.ffn_dim, dim))

    def forward(self, x: Tensor, shared: Shared, context: Context) -> Tensor:
        """Take x [share, D] -> [share, D]."""
        time, rotation, tokens, ref_target_masks = shared
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation[0].float() + time
        attended, ref_attn_map = self.self_attn(modulated(x, shift1, scale1), rotation, tokens, ref_target_masks)
        x = gated_sum(x, attended, gate1)
        x = x + self.cross_attn(self.norm3(x), context.text, context.image)
        position = None if ref_attn_map is None else token_positions(ref_attn_map, tokens)
        x = x + self.audio_cross_attn(self.norm_x(x), context.audio_emb, position, tokens)
        return gated_sum(x, self.ffn(modulated(x, shift2, scale2)), gate2)


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
        ref_target_masks = token_masks(masks).to(mine.device) if voices == 2 else None
        return AudioCondition(
            tokens, [block.audio_cross_attn.audio_emb(mine, voices) for block in self.blocks], ref_target_masks
        )

    def forward(self, latent: Tensor, y: Tensor, t: float, condition: Condition) -> Tensor:
        """Take latent [16,T,H,W], y [20,T,H,W], t 0 .. 1000 -> velocity [16,T,H,W] float32, the same on every rank."""
        tokens = condition.audio.tokens
        grid = tokens.grid
        if latent.shape[1:] != (grid.frames, 2 * grid.rows, 2 * grid.columns):
            raise ValueError(f"a latent of {tuple(latent.shape)} with conditions made for {grid}")
        patches = tokens.local(patches_of(self._in_weight_type(torch.cat((latent, y)))))  # [share, 4 * 36]
        x = linear(patches, self.patch_embedding.weight.flatten(1), self.patch_embedding.bias)
        head_time, block_time = self.times(t)
        rotation = grid_rotation(tokens, self.config.head_width, x.device)
        shared = Shared(block_time, rotation, tokens, condition.audio.ref_target_masks)
        for block, context in zip(self.blocks, condition.by_block(), strict=True):
            x = block(x, shared, context)
            end_graph(x)
        return latent_of(tokens.joined(self.head(x, head_time)), grid)

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


def plain_norm(x: Tensor) -> Tensor:
    """Norm without weights, float32 inside, in x's type."""
    return layer_norm(x, x.shape[-1:], eps=EPS)


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Make norm(x) * (1 + scale) + shift in float32, in x's type."""
    return (plain_norm(x).float() * (1 + scale) + shift).to(x.dtype)


def gated_sum(x: Tensor, change: Tensor, gate: Tensor) -> Tensor:
    """Make x + gate * change in float32, in x's type."""
    return (x.float() + gate * change.float()).to(x.dtype)


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
