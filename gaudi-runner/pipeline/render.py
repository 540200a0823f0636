"""One order, from its files to its chunks, on all ranks together."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.denoise import Hooks
from pipeline.engine import Engine, Tick
from pipeline.guidance import Sampling
from pipeline.handover import Handover
from pipeline.order import Order
from pipeline.plan import plan_chunks
from pipeline.prepare import prepare, render_identity, resume_state, resume_steps
from pipeline.progress import Progress
from pipeline.rank.control import Control
from pipeline.rank.group import Group
from pipeline.rank.run_on_rank0 import run_on_rank0
from pipeline.rank.stopping import Aborted, Stopping
from pipeline.state.checkpoint import State
from pipeline.state.step_checkpoint import StepCheckpoint, Steps
from pipeline.stream import Prepared, Video, stream


@dataclass(frozen=True)
class Rendered:
    """What became of an order."""

    chunks: int
    frames: int
    seconds: float


@dataclass(frozen=True)
class Inputs:
    """What the ranks start from. `prepared` and `identity` are on rank 0 only."""

    order: Order
    prepared: Prepared | None
    identity: dict[str, Any]
    resume: State | None
    inside: Steps | None


def render(
    engine: Engine, group: Group, control: Control, job: str, directory: Path, values: dict[str, Any]
) -> Rendered:
    """Render an order; collective. Raises OrderRejected, Aborted or RunnerGone on every rank alike."""
    began = time.monotonic()
    stopping = Stopping(group, control, job)

    def tick() -> None:
        control.beat()
        stopping.at_step()

    inputs = share_inputs(engine, group, tick, directory, values)
    order = inputs.order
    engine.use(order.preset, control.beat)
    plan = plan_chunks(order.frames)
    sampling = Sampling.of(order)
    video = Video(plan, sampling, order.seed, order.fps)
    per_latent = (order.height // 16) * (order.width // 16)
    tokens = [plan.latents(index) * per_latent for index in range(plan.chunks)]
    at = (order.first_chunk, inputs.inside.finished if inputs.inside else 0)
    progress = Progress(control if group.is_rank0 else None, job, sampling, tokens, at)

    def before_step(chunk: int, step: int) -> None:
        tick()
        progress.at(chunk, step)

    def announce(type: str, **fields: object) -> None:
        control.send(type, job=job, **fields)

    with Handover(directory, order, inputs.identity, video.colour_strength, announce, control.beat) as handover:
        checkpoint = StepCheckpoint(directory, inputs.identity, handover.settled) if group.is_rank0 else nullcontext()
        with checkpoint as steps:
            hooks = Hooks(before_step, steps.after_step, tick) if steps else Hooks(before_step, tick=tick)
            chunks = stream(
                engine,
                group,
                video,
                prepared=inputs.prepared,
                resume=inputs.resume,
                inside=inputs.inside,
                hooks=hooks,
            )
            for chunk in chunks:
                if group.is_rank0:
                    handover.take(chunk)
                progress.chunk_done(chunk.index)
                if chunk.index + 1 < plan.chunks and stopping.after_chunk():
                    handover.settle()
                    raise Aborted
            handover.settle()
    return Rendered(plan.chunks, order.frames, time.monotonic() - began)


def share_inputs(engine: Engine, group: Group, tick: Tick, directory: Path, values: dict[str, Any]) -> Inputs:
    """Rank 0 reads everything; a rejection reaches every rank before any of them computes."""

    def read(tick: Tick) -> Inputs:
        order = Order.read(values)
        identity = render_identity(engine, order, directory)
        prepared = prepare(engine, order, directory, tick)
        plan = plan_chunks(order.frames)
        resume = resume_state(engine, order, plan, directory, identity)
        return Inputs(order, prepared, identity, resume, resume_steps(engine, order, plan, directory, identity))

    made = run_on_rank0(group, read, tick) or Inputs(Order.read(values), None, {}, None, None)
    resume, inside = _share_state(engine, group, made.resume), _share_steps(engine, group, made.inside)
    return replace(made, resume=resume, inside=inside)


def _share_state(engine: Engine, group: Group, resume: State | None) -> State | None:
    known = group.broadcast_object((resume.next_chunk, resume.motion is not None) if resume else None)
    if known is None:
        return None
    next_chunk, moving = known
    generator = group.broadcast(resume.generator if resume else None, engine.device).cpu()
    motion = group.broadcast(resume.motion if resume else None, engine.device) if moving else None
    return State(next_chunk, generator, motion)


def _share_steps(engine: Engine, group: Group, inside: Steps | None) -> Steps | None:
    known = group.broadcast_object((inside.chunk, inside.finished) if inside else None)
    if known is None:
        return None
    return Steps(*known, group.broadcast(inside.latent if inside else None, engine.device))
