"""What rank 0 makes of an order's files, before any rank computes anything: whatever can be wrong is found here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.engine import Engine, Tick
from pipeline.order import Order, OrderRejected
from pipeline.pictures.masks import person_masks, token_masks
from pipeline.pictures.reference import StillReference, VideoReference
from pipeline.plan import Plan
from pipeline.state.checkpoint import LOOP_REVISION, State, read_checkpoint, state_name
from pipeline.state.digest import digest_of
from pipeline.state.step_checkpoint import Steps, read_steps
from pipeline.stream import Prepared
from pipeline.voices.embedding import Embedding
from pipeline.voices.loudness import loudness_gain
from pipeline.voices.signals import WavFile, place_voices
from pipeline.voices.windows import frame_count


def prepare(engine: Engine, order: Order, directory: Path, tick: Tick) -> Prepared:
    """Read the reference and the voices; `tick` after each minute or so of sound. Raises OrderRejected."""
    refusal = engine.refusal(order.preset)
    if refusal is not None:
        raise OrderRejected(refusal, "preset_not_offered")
    fit = (directory / "reference", order.height, order.width)
    reference = VideoReference(*fit, order.fps) if order.reference_is_video else StillReference(*fit)
    voices = [WavFile(path) for path in _voice_paths(directory)]
    signals = place_voices(voices, [loudness_gain(voice) for voice in voices], order.audio_type)
    sounding = frame_count(signals[0].samples, order.fps)
    if abs(sounding - order.frames) > 1:
        raise OrderRejected(f"the voices last {sounding} frames at {order.fps} fps, the order says {order.frames}")
    embeddings = [
        Embedding(directory, engine.embed_voice(signal, order.frames, order.fps), f"voice {person}", tick)
        for person, signal in enumerate(signals, 1)
    ]
    try:
        source = (reference.source_height, reference.source_width)
        masks = person_masks(len(voices), *source, order.height, order.width, order.bbox)
        token_masks(masks)
    except ValueError as error:
        raise OrderRejected(str(error), "box_unusable") from error
    return Prepared(reference, embeddings, masks, order.prompt or " ", order.negative_prompt)


def resume_state(engine: Engine, order: Order, plan: Plan, directory: Path, identity: dict[str, Any]) -> State | None:
    """The state that the order's first chunk starts from; None to begin at the beginning.

    A chunk that was handed over here has left its state in the folder; one of another node came with the order.
    """
    if order.first_chunk == 0:
        return None
    if order.first_chunk > plan.chunks:
        raise OrderRejected(f"first_chunk {order.first_chunk} is beyond the last of {plan.chunks} chunks")
    motion = (engine.latent_channels, (plan.motion_frames - 1) // 4 + 1, order.height // 8, order.width // 8)
    own = directory / state_name(order.first_chunk - 1)
    return read_checkpoint(own if own.exists() else directory / "checkpoint", order.first_chunk, identity, motion)


def resume_steps(engine: Engine, order: Order, plan: Plan, directory: Path, identity: dict[str, Any]) -> Steps | None:
    """The finished steps of the order's first chunk, if the ranks were stopped inside it."""
    if order.first_chunk >= plan.chunks:
        return None
    latent = (engine.latent_channels, plan.latents(order.first_chunk), order.height // 8, order.width // 8)
    return read_steps(directory, order.first_chunk, order.steps, identity, latent)


def render_identity(engine: Engine, order: Order, directory: Path) -> dict[str, Any]:
    """What must be equal for a checkpoint to go on: the order, the bytes of its files, the engine and the code."""
    same = {name: value for name, value in asdict(order).items() if name != "first_chunk"}
    files = [directory / "reference", *_voice_paths(directory)]
    return {
        **same,
        **{path.name: digest_of(path) for path in files},
        "engine": engine.identity_of(order.preset),
        "loop": LOOP_REVISION,
    }


def _voice_paths(directory: Path) -> list[Path]:
    paths = [path for path in (directory / "voice-1.wav", directory / "voice-2.wav") if path.exists()]
    if not paths or not (directory / "reference").exists():
        raise OrderRejected("the order comes without a reference or a voice")
    return paths
