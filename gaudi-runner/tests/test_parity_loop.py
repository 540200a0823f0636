"""The streaming loop gives the reference's numbers, in every case that loop_cases.json lists."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.guidance import Sampling, timesteps
from pipeline.pictures.colour import ColourReference
from pipeline.pictures.masks import person_masks
from pipeline.plan import plan_chunks
from pipeline.rank.group import Group
from pipeline.state.checkpoint import State
from pipeline.stream import Prepared, Video, stream
from support.linear_engine import LinearEngine, LinearReference
from support.parity_data import PARITY_DIR, cases, needs_parity, uniform

pytestmark = needs_parity


def render(case: dict, resume: State | None = None) -> tuple[torch.Tensor, list[State], LinearEngine, LinearReference]:
    engine, reference = LinearEngine(), LinearReference(still=not case["video_reference"])
    prepared = Prepared(
        reference,
        [uniform(f"audio.{i + 1}", (case["audio_frames"], 12, 768)) for i in range(case["persons"])],
        person_masks(case["persons"], 32, 32, 32, 32),
        "hello",
        "neg",
    )
    sampling = Sampling(case["steps"], case["shift"], case["text_guide_scale"], case["audio_guide_scale"])
    frames = min(case["audio_frames"], case["max_frames"])
    plan = plan_chunks(frames, case["frame_num"], case["motion_frame"], last_lengths=())
    video = Video(plan, sampling, case["seed"], 25, colour_strength=STRENGTH)
    out, states = [], []
    for chunk in stream(engine, Group(), video, prepared=prepared, resume=resume):
        assert chunk.frames is not None
        assert chunk.colours is not None
        out.extend(chunk.colours.correct(frame, STRENGTH) for frame in chunk.frames.unbind(1))
        states.append(chunk.state)
    return torch.stack(out, 1), states, engine, reference


STRENGTH = 0.0  # the cases were recorded without colour correction
# The reference can also project its guidance (APG), which no order of the service asks for, there or here.
CASES = [case for case in cases("loop_cases.json") if not case["apg"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_loop_gives_the_numbers_of_the_reference(case: dict) -> None:
    frames, states, engine, reference = render(case)
    expected = np.load(PARITY_DIR / f"{case['case']}.npz")
    assert frames.shape[1] == case["frames_out"]
    assert len(states) == case["chunks"]
    assert engine.forwards == case["forwards"]
    torch.testing.assert_close(frames.mean((2, 3)), torch.from_numpy(expected["frame_mean"]), atol=1e-4, rtol=0)
    torch.testing.assert_close(frames.std((2, 3)), torch.from_numpy(expected["frame_std"]), atol=1e-4, rtol=0)
    torch.testing.assert_close(frames[:, -1], torch.from_numpy(expected["last_frame"]), atol=1e-4, rtol=0)
    if "frame_100" in expected:
        torch.testing.assert_close(
            frames[:, min(100, frames.shape[1] - 1)], torch.from_numpy(expected["frame_100"]), atol=1e-4, rtol=0
        )
    if case["video_reference"]:
        assert sorted(set(reference.asked)) == case["reference_frames"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_time_steps_are_those_of_the_reference(case: dict) -> None:
    assert timesteps(case["steps"], case["shift"])[:-1] == pytest.approx(case["timesteps"], abs=1e-4)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_video_resumed_at_any_chunk_is_bit_identical(case: dict) -> None:
    whole, states, _, _ = render(case)
    for state in states[:-1]:
        torch.manual_seed(999)  # the default generator is nobody's
        rest, _, _, _ = render(case, resume=state)
        assert torch.equal(rest, whole[:, -rest.shape[1] :])


def test_chunks_are_counted_as_the_reference_counts_them() -> None:
    for audio_frames, chunks, frames_out in cases("chunk_table.json"):
        for plan in (plan_chunks(audio_frames), plan_chunks(audio_frames, last_lengths=())):
            emitted = sum(len(range(plan.length(k))[plan.emitted(k)]) for k in range(plan.chunks))
            assert (plan.chunks, emitted) == (chunks, frames_out)
        assert plan.last_frames == plan.chunk_frames


def test_a_flat_frame_takes_the_reference_colour() -> None:
    colours = ColourReference.of(uniform("colour.reference", (3, 16, 16)) * 0.4)
    assert colours.correct(torch.full((3, 16, 16), 0.0)).isfinite().all()
