"""Chunks and their frames, by the table that the service tests its own plan with: test/workflows/chunk-plan.test.ts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.denoise import Hooks
from pipeline.guidance import Sampling
from pipeline.pictures.masks import person_masks
from pipeline.plan import plan_chunks
from pipeline.rank.group import Group
from pipeline.stream import Prepared, Video, stream
from support.linear_engine import LinearEngine, LinearReference
from support.parity_data import uniform


def test_chunks_are_those_of_the_table() -> None:
    for frames, chunks, chunk_frames, last_frames in json.loads(
        (Path(__file__).parent / "chunk_plan.json").read_text()
    ):
        plan = plan_chunks(frames)
        assert (plan.chunks, plan.chunk_frames, plan.last_frames) == (chunks, chunk_frames, last_frames)
        emitted = [range(plan.start(k), plan.start(k) + plan.length(k))[plan.emitted(k)] for k in range(chunks)]
        assert [number for chunk in emitted for number in chunk] == list(range(frames))


@pytest.mark.parametrize("still", [True, False])
def test_a_shortened_last_chunk_is_rendered_in_its_length(still: bool) -> None:
    rendered = []
    for lengths in ((), (9, 13)):
        prepared = Prepared(
            LinearReference(still), [uniform("audio.1", (29, 12, 768))], person_masks(1, 32, 32, 32, 32), "hello", "neg"
        )
        plan = plan_chunks(29, 25, 9, lengths)
        video = Video(plan, Sampling(2, 5.0, 5.0, 4.0), 3, 25, colour_strength=0.0)
        shapes: list[int] = []

        def see(chunk: int, step: int, latent: Tensor, shapes: list[int] = shapes) -> None:
            shapes.append(latent.shape[1])

        chunks = list(stream(LinearEngine(), Group(), video, prepared=prepared, hooks=Hooks(after_step=see)))
        assert [chunk.frames.shape[1] for chunk in chunks] == [25, 4]
        rendered.append((chunks, shapes))
    (long, long_shapes), (short, short_shapes) = rendered
    assert (long_shapes, short_shapes) == ([7, 7, 7, 7], [7, 7, 4, 4])
    assert torch.equal(long[0].frames, short[0].frames)
