"""The streaming loop: a video as a generator of chunks, each started from the end of the one before.

One loop for every engine. Its numbers are those of the reference; what it leaves out is work without effect: the
condition and CLIP features of a still picture are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from pipeline.denoise import NO_HOOKS, Hooks, denoise
from pipeline.engine import Conditions, Engine, Reference, Tick
from pipeline.finite import finite
from pipeline.guidance import Sampling
from pipeline.pictures.colour import ColourReference
from pipeline.plan import Plan
from pipeline.rank.group import Group
from pipeline.rank.run_on_rank0 import run_on_rank0
from pipeline.state.checkpoint import State
from pipeline.state.step_checkpoint import Steps
from pipeline.voices.windows import Rows, chunk_windows


@dataclass(frozen=True)
class Prepared:
    """What rank 0 has made of an order's files."""

    reference: Reference
    embeddings: list[Rows]  # per person [L, layers, d]
    masks: Tensor  # [3, H/8, W/8]
    prompt: str
    negative_prompt: str


@dataclass(frozen=True)
class Chunk:
    """A rendered chunk. The frames are on rank 0 only and not yet colour-corrected."""

    index: int
    frames: Tensor | None  # [3,n,H,W] in [-1, 1]: those that are new
    colours: ColourReference | None
    state: State


@dataclass(frozen=True)
class Video:
    """What every rank knows of the video that is rendered."""

    plan: Plan
    sampling: Sampling
    seed: int
    fps: int
    colour_strength: float = 1.0


def stream(
    engine: Engine,
    group: Group,
    video: Video,
    *,
    prepared: Prepared | None,
    resume: State | None = None,
    inside: Steps | None = None,
    hooks: Hooks = NO_HOOKS,
) -> Iterator[Chunk]:
    """Render chunk after chunk, from `resume` on, the first of them from `inside` on. `prepared` on rank 0 only.

    Every rank iterates.
    """
    plan = video.plan
    generator = torch.Generator().manual_seed(video.seed)
    of_video = _ChunkConditions(engine, group, video, prepared, hooks.tick)
    motion: Tensor | None = None
    first = 0
    if resume is not None:
        generator.set_state(resume.generator)
        motion, first = resume.motion, resume.next_chunk

    for index in range(first, plan.chunks):
        conditions = of_video.of_chunk(index)
        if motion is None:
            # The VAE is causal: the first picture alone is latent 0 of the condition.
            motion = conditions.y[4:, :1]
        shape = (engine.latent_channels, *conditions.y.shape[1:])
        # Drawn for a chunk that goes on as well: the next chunk's noise follows it.
        start = Steps(index, 0, torch.randn(shape, generator=generator, dtype=torch.float32))
        if inside is not None and inside.chunk == index:
            start = inside
        start = replace(start, latent=start.latent.to(engine.device))
        # Not kept: what the denoiser holds on the device is let go before the VAE runs.
        latent = denoise(
            engine.denoiser(conditions, hooks.tick), video.sampling, start=start, motion=motion, hooks=hooks
        )

        decoded = run_on_rank0(group, partial(_decoded, engine, video, latent, index, of_video.colours), hooks.tick)
        frames, motion = decoded or (None, None)
        if index + 1 < plan.chunks:
            motion = group.broadcast(motion, engine.device)
        new = frames[:, plan.emitted(index)] if frames is not None else None
        del decoded, frames, latent, start
        yield Chunk(index, new, of_video.colours, State(index + 1, generator.get_state(), motion))


def _decoded(
    engine: Engine, video: Video, latent: Tensor, index: int, colours: ColourReference | None, tick: Tick
) -> tuple[Tensor, Tensor | None]:
    """A chunk's frames, and the last of them colour-corrected and encoded, which the next chunk begins with. Rank 0."""
    assert colours is not None
    frames = finite(engine.vae_decode(latent, tick), f"the decoded frames of chunk {index} are")
    if index + 1 == video.plan.chunks:
        return frames, None
    tail = [colours.correct(frame, video.colour_strength) for frame in frames[:, -video.plan.motion_frames :].unbind(1)]
    motion = engine.vae_encode(torch.stack(tail, 1), tick)
    return frames, finite(motion, f"the motion latents of chunk {index} are")


class _ChunkConditions:
    """Makes each chunk's conditions on rank 0, sees that they are finite, and hands them to the others."""

    def __init__(self, engine: Engine, group: Group, video: Video, prepared: Prepared | None, tick: Tick) -> None:
        self._engine, self._group, self._video, self._prepared, self._tick = engine, group, video, prepared, tick
        self._text, self._negative_text, self._masks = self._spread(self._of_video)
        self.colours = ColourReference.of(_frame(prepared.reference, 0)) if prepared else None
        still = group.broadcast_object(prepared.reference.still if prepared else False)
        self._still = self._spread(partial(self._of_picture, 0, video.plan.chunk_frames)) if still else None

    def of_chunk(self, index: int) -> Conditions:
        plan, prepared = self._video.plan, self._prepared
        start, length = plan.start(index), plan.length(index)
        # A prefix of the frames is a prefix of the latents, so a still picture's condition is cut for a shorter chunk.
        clip, y = self._still or self._spread(partial(self._of_picture, start, length))
        y = y[:, : plan.latents(index)].contiguous()
        (audio,) = self._spread(partial(self._of_voices, index))
        return Conditions(
            text=self._text,
            negative_text=self._negative_text,
            clip=clip,
            y=y,
            audio=audio,
            masks=self._masks,
            start=start,
            fps=self._video.fps,
            reference=prepared.reference if prepared else None,
        )

    def _of_video(self, prepared: Prepared, tick: Tick) -> dict[str, Tensor]:
        prompt = self._engine.encode_text(prepared.prompt)
        tick()
        negative_prompt = self._engine.encode_text(prepared.negative_prompt)
        return {
            "the encoded prompt is": prompt,
            "the encoded negative prompt is": negative_prompt,
            "the masks are": prepared.masks,
        }

    def _of_picture(self, number: int, length: int, prepared: Prepared, tick: Tick) -> dict[str, Tensor]:
        """CLIP features and encoded condition of one reference frame: the frame itself, then nothing (zeros)."""
        picture = _frame(prepared.reference, number)
        frames = torch.zeros(3, length, *picture.shape[1:])
        frames[:, 0] = picture
        latent = self._engine.vae_encode(frames, tick)
        mask = torch.zeros(4, *latent.shape[1:])
        mask[:, 0] = 1
        return {
            f"the picture features of frame {number} are": self._engine.encode_picture(picture),
            f"the encoded condition of frame {number} is": torch.cat([mask.to(latent), latent]),
        }

    def _of_voices(self, index: int, prepared: Prepared, _tick: Tick) -> dict[str, Tensor]:
        start, length = self._video.plan.start(index), self._video.plan.length(index)
        windows = [chunk_windows(voice, start, length) for voice in prepared.embeddings]
        return {f"the voice features of chunk {index} are": torch.stack(windows)}

    def _spread(self, make: Callable[[Prepared, Tick], dict[str, Tensor]]) -> list[Tensor]:
        """What rank 0 makes, on every rank, in order."""

        def made(tick: Tick) -> list[Tensor]:
            assert self._prepared is not None
            return [finite(tensor, name) for name, tensor in make(self._prepared, tick).items()]

        tensors = run_on_rank0(self._group, made, self._tick)
        count = self._group.broadcast_object(len(tensors) if tensors is not None else 0)
        return [
            self._group.broadcast(tensors[i] if tensors is not None else None, self._engine.device)
            for i in range(count)
        ]


def _frame(reference: Reference, number: int) -> Tensor:
    return next(iter(reference.frames(number, 1)))
