"""One order, from its files to its chunks, on all ranks together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.control import Control, RunnerGone
from pipeline.engine import Engine
from pipeline.group import Group
from pipeline.guidance import Sampling
from pipeline.handover import Handover
from pipeline.order import Order, OrderRejected
from pipeline.plan import plan_chunks
from pipeline.prepare import prepare, render_identity, resume_state
from pipeline.progress import Progress
from pipeline.stream import Prepared, State, Video, stream


class Aborted(Exception):
    """All ranks have agreed to stop this job."""


@dataclass(frozen=True)
class Rendered:
    """What became of an order."""

    chunks: int
    frames: int
    seconds: float


def render(
    engine: Engine, group: Group, control: Control, job: str, directory: Path, values: dict[str, Any]
) -> Rendered:
    """Render an order; collective. Raises OrderRejected, Aborted or RunnerGone on every rank alike."""
    began = time.monotonic()
    order, prepared, identity, resume = _agree_on_inputs(engine, group, directory, values)
    engine.use(order.preset, control.beat)
    plan = plan_chunks(order.frames)
    sampling = Sampling(order.steps, order.shift, order.text_guide, order.audio_guide)
    video = Video(plan, sampling, order.seed, order.fps)
    tokens = plan.latents * (order.height // 16) * (order.width // 16)
    progress = Progress(control if group.leads else None, job, plan.chunks, sampling, tokens, order.first_chunk)

    def before_step(chunk: int, step: int) -> None:
        control.beat()
        _agree_to_go_on(group, control, job)
        progress.at(chunk, step)

    def announce(type: str, **fields: object) -> None:
        control.send(type, job=job, **fields)

    with Handover(directory, order, identity, video.colour_strength, announce, control.beat) as handover:
        for chunk in stream(engine, group, video, prepared, resume, before_step):
            if group.leads:
                handover.take(chunk)
            progress.chunk_done(chunk.index)
        handover.settle()
    return Rendered(plan.chunks, order.frames, time.monotonic() - began)


def _agree_on_inputs(
    engine: Engine, group: Group, directory: Path, values: dict[str, Any]
) -> tuple[Order, Prepared | None, dict[str, Any], State | None]:
    """Rank 0 reads everything; a rejection reaches every rank before any of them computes."""
    rejection, prepared, resume, identity = None, None, None, {}
    if group.leads:
        try:
            order = Order.read(values)
            identity = render_identity(engine, order, directory)
            prepared = prepare(engine, order, directory)
            resume = resume_state(engine, order, plan_chunks(order.frames), directory, identity)
        except OrderRejected as error:
            rejection = str(error)
    rejection = group.agree(rejection)
    if rejection is not None:
        raise OrderRejected(rejection)
    return Order.read(values), prepared, identity, _share_state(engine, group, resume)


def _share_state(engine: Engine, group: Group, resume: State | None) -> State | None:
    known = group.agree((resume.next_chunk, resume.motion is not None) if resume else None)
    if known is None:
        return None
    next_chunk, moving = known
    generator = group.from_lead(resume.generator if resume else None, engine.device).cpu()
    motion = group.from_lead(resume.motion if resume else None, engine.device) if moving else None
    return State(next_chunk, generator, motion)


def _agree_to_go_on(group: Group, control: Control, job: str) -> None:
    """Rank 0 looks at its socket and all ranks do as it says, at the same step."""
    word = "on"
    if group.leads:
        try:
            word = "abort" if control.asked_to_abort(job) else "on"
        except RunnerGone:
            word = "leave"
    word = group.agree(word)
    if word == "abort":
        raise Aborted
    if word == "leave":
        raise RunnerGone
