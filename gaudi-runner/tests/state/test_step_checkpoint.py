"""Ranks that were stopped inside a chunk go on there, to the same bytes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.state import state_file
from pipeline.state.state_file import NotWhole, read_state_file, write_state_file
from pipeline.state.step_checkpoint import FILE, StepCheckpoint, read_steps
from support.orders import make_inputs, order
from support.rank_group import RankGroup, digests, messages_of

SAID = order(frames=150, width=160, steps=100)  # a chunk takes longer than a second
OWN = {"seed": 1, "engine": "e"}
SHAPE = (2, 3, 4, 4)


def stop_inside(group: RankGroup, job: str, directory: Path, stop: dict | int, chunk: int) -> tuple[int, int]:
    """Start a render and stop it once steps of this chunk are kept; what is kept, as chunk and finished steps."""
    group.send(type="render", job=job, generation=1, directory=str(directory), order=SAID)
    while True:
        message = group.until("progress", "finished", "failed", "rejected")
        assert message["type"] == "progress", message
        if message["chunk"] == chunk and (directory / FILE).exists() and kept(directory)[0] == chunk:
            break
    if isinstance(stop, int):
        os.kill(group.pids[stop], signal.SIGKILL)
        assert all(group.wait(60))
    else:
        group.send(**stop)
        assert group.until("aborted", "finished", "failed") == {"type": "aborted", "job": job}
    return kept(directory)


def kept(directory: Path) -> tuple[int, int]:
    header, _ = read_state_file(directory / FILE)
    return header["chunk"], header["finished"]


def tick(group: RankGroup, job: str, directory: Path, at: tuple[int, int]) -> None:
    """Render on as the runner does, and see that it goes on where it was."""
    assert group.render(job, directory, **{**SAID, "first_chunk": at[0]})["type"] == "finished"
    first = messages_of(group, job, "progress")[0]
    assert (first["chunk"], first["step"]) == at
    assert not list(directory.glob("steps.*"))


def same(one: Path, other: Path) -> bool:
    return all(digests(one, suffix) == digests(other, suffix) for suffix in ("mp4", "state"))


def test_a_render_stopped_inside_a_chunk_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, aborted, killed = (make_inputs(tmp_path / name, 6.0) for name in ("whole", "aborted", "killed"))
    with RankGroup(4) as four:
        assert four.until("ready", "failed")["type"] == "ready"
        assert four.render("whole", whole, **SAID)["type"] == "finished"
        at = stop_inside(four, "aborted", aborted, {"type": "abort", "job": "aborted"}, chunk=0)
        tick(four, "on", aborted, at)
        assert same(aborted, whole)
        at = stop_inside(four, "killed", killed, 2, chunk=1)
    torn = shutil.copytree(killed, tmp_path / "torn")
    (torn / FILE).write_bytes((torn / FILE).read_bytes()[:-1])
    with RankGroup(1) as one:
        assert one.until("ready", "failed")["type"] == "ready"
        tick(one, "killed_on", killed, at)
        assert same(killed, whole)
        tick(one, "torn", torn, (1, 0))
        assert same(torn, whole)


def written(directory: Path, chunk: int = 3, finished: int = 2) -> torch.Tensor:
    latent = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5))
    with contextlib.suppress(InterruptedError), StepCheckpoint(directory, OWN, lambda: True) as steps:
        steps.after_step(chunk, finished, latent)
        latent.mul_(2)  # as the next step does
        raise InterruptedError
    return latent / 2


def test_steps_are_read_by_the_render_they_are_of(tmp_path: Path) -> None:
    latent = written(tmp_path)
    steps = read_steps(tmp_path, 3, 4, OWN, SHAPE)
    assert steps is not None
    assert (steps.chunk, steps.finished) == (3, 2)
    assert torch.equal(steps.latent, latent)
    assert read_steps(tmp_path, 2, 4, OWN, SHAPE) is None
    assert read_steps(tmp_path, 3, 1, OWN, SHAPE) is None
    assert read_steps(tmp_path, 3, 4, {**OWN, "seed": 2}, SHAPE) is None
    assert read_steps(tmp_path, 3, 4, OWN, (2, 3, 4, 5)) is None
    assert read_steps(tmp_path / "nowhere", 3, 4, OWN, SHAPE) is None


def test_steps_torn_anywhere_are_no_steps(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / FILE
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_steps(tmp_path, 3, 4, OWN, SHAPE) is None
        with pytest.raises(NotWhole):
            read_state_file(path)
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert read_steps(tmp_path, 3, 4, OWN, SHAPE) is None


def test_no_step_is_kept_before_the_chunk_before_is(tmp_path: Path) -> None:
    handed_over = [False]
    with StepCheckpoint(tmp_path, OWN, lambda: handed_over[0]) as steps:
        steps.after_step(1, 1, torch.zeros(SHAPE))
        assert steps._writing is None
        handed_over[0] = True
        steps.after_step(1, 2, torch.zeros(SHAPE))
        while not (tmp_path / FILE).exists():
            time.sleep(0.01)
        assert kept(tmp_path) == (1, 2)
    assert not list(tmp_path.iterdir())  # the job is done


def test_a_disk_that_takes_no_step_does_not_stop_a_render(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with StepCheckpoint(tmp_path / "missing", OWN, lambda: True) as steps:
        steps.after_step(0, 1, torch.zeros(SHAPE))
    assert "step 1 of chunk 0 is not kept" in capsys.readouterr().err


def test_a_state_of_a_newer_version_is_refused_with_both_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "FORMAT", 2)
    written(tmp_path)
    monkeypatch.undo()
    with pytest.raises(NotWhole, match=r"steps\.state has format 2; this version knows formats up to 1"):
        read_state_file(tmp_path / FILE)
    assert read_steps(tmp_path, 3, 4, OWN, SHAPE) is None


def test_a_state_file_holds_what_was_written(tmp_path: Path) -> None:
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros(0, np.float32), "c": np.uint8([1, 2])}
    write_state_file(tmp_path / "a", {"x": [1, "é"]}, arrays)
    write_state_file(tmp_path / "b", {"x": [1, "é"]}, dict(reversed(arrays.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    header, read = read_state_file(tmp_path / "a")
    assert header == {"x": [1, "é"]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
