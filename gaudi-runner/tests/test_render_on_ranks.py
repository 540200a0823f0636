"""Orders rendered by real ranks over the control socket, as the runner does it."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from pathlib import Path

import pytest

from support.orders import make_inputs, order
from support.rank_group import RankGroup, digests, messages_of

# Chunks long enough to be broken off inside.
LONG = {"width": 384, "height": 384, "steps": 100}


@pytest.fixture(scope="module")
def pair() -> RankGroup:
    with RankGroup(2) as group:
        assert group.until("ready", "failed")["type"] == "ready"
        yield group


def test_ready_says_what_renders_and_how_fast(pair: RankGroup) -> None:
    ready = next(message for message in pair.received if message["type"] == "ready")
    assert (ready["engine"], ready["model"], ready["device"], ready["ranks"]) == ("demo", "InfiniteTalk-demo", "cpu", 2)
    assert ready["seconds_per_forward"] > 0
    assert ready["tokens_per_forward"] == 5 * 40 * 40


def test_ranks_meet_in_a_file_of_their_own_and_listen_on_loopback_alone(pair: RankGroup) -> None:
    pair.assert_private()


@pytest.mark.parametrize(("seconds", "frames", "chunks"), [(6.0, 150, 2), (2.0, 50, 1), (0.5, 12, 1)])
def test_a_video_has_exactly_the_frames_of_its_order(
    pair: RankGroup, tmp_path: Path, seconds: float, frames: int, chunks: int
) -> None:
    job = f"frames_{frames}"
    done = pair.render(job, make_inputs(tmp_path, seconds), **order(frames=frames))
    assert (done["type"], done["chunks"], done["frames"]) == ("finished", chunks, frames)
    told = messages_of(pair, job, "chunk")
    assert [message["index"] for message in told] == list(range(chunks))
    assert sum(message["frames"] for message in told) == frames
    for message in told:
        for artifact in (message["segment"], message["state"]):
            content = (tmp_path / artifact["name"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (artifact["bytes"], artifact["sha256"])
    assert not list(tmp_path.glob("*.part"))
    progress = [(message["chunk"], message["step"]) for message in messages_of(pair, job, "progress")]
    assert progress == sorted(progress)
    assert progress[0] == (0, 0)
    assert progress[-1] == (chunks, 0)


def test_resuming_from_any_chunk_gives_the_same_bytes(pair: RankGroup, tmp_path: Path) -> None:
    whole = make_inputs(tmp_path / "whole", 8.0)
    assert pair.render("whole", whole, **order(frames=200))["type"] == "finished"
    for first in (1, 2):
        rest = make_inputs(tmp_path / f"from_{first}", 8.0)
        shutil.copy(whole / f"chunk-{first - 1:04d}.state", rest / "checkpoint")
        done = pair.render(f"from_{first}", rest, **order(frames=200, first_chunk=first))
        assert done["type"] == "finished"
        assert digests(rest) == digests(whole)[first:]
        assert digests(rest, "state") == digests(whole, "state")[first:]


def test_the_last_checkpoint_leaves_nothing_to_do(pair: RankGroup, tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path, 2.0)
    assert pair.render("once", inputs, **order(frames=50))["type"] == "finished"
    (inputs / "chunk-0000.state").rename(inputs / "checkpoint")
    done = pair.render("again", inputs, **order(frames=50, first_chunk=1))
    assert (done["type"], done["chunks"]) == ("finished", 1)
    assert messages_of(pair, "again", "chunk") == []


def test_one_rank_renders_the_bytes_that_two_render(pair: RankGroup, tmp_path: Path) -> None:
    two = make_inputs(tmp_path / "two", 4.0, second_voice=3.0)
    alone = make_inputs(tmp_path / "one", 4.0, second_voice=3.0)
    said = order(frames=100, audio_type="para")
    assert pair.render("two", two, **said)["type"] == "finished"
    with RankGroup(1) as single:
        assert single.until("ready", "failed")["type"] == "ready"
        single.assert_private()
        assert single.render("one", alone, **said)["type"] == "finished"
        shutil.copy(two / "chunk-0000.state", alone / "checkpoint")
        (alone / "chunk-0001.mp4").rename(alone / "kept.mp4")
        assert single.render("rest", alone, **{**said, "first_chunk": 1})["type"] == "finished"
    assert digests(alone) == digests(two)
    assert (alone / "kept.mp4").read_bytes() == (two / "chunk-0001.mp4").read_bytes()


@pytest.mark.skipif(not os.environ.get("RANKS_8"), reason="RANKS_8=1 runs eight processes")
def test_eight_ranks_render_the_bytes_that_two_render(pair: RankGroup, tmp_path: Path) -> None:
    two, eight = make_inputs(tmp_path / "two", 4.0), make_inputs(tmp_path / "eight", 4.0)
    assert pair.render("two_of_8", two, **order(frames=100))["type"] == "finished"
    with RankGroup(8) as group:
        assert group.until("ready", "failed")["type"] == "ready"
        group.assert_private()
        assert group.render("eight", eight, **order(frames=100))["type"] == "finished"
    assert digests(eight) == digests(two)


def test_an_abort_stops_all_ranks_and_leaves_them_able(pair: RankGroup, tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path / "stopped", 8.0)
    said = order(frames=200, **LONG)
    pair.send(type="render", job="stopped", generation=1, directory=str(inputs), order=said)
    while pair.until("progress", "finished")["step"] < 3:
        pass
    pair.send(type="abort", job="another")  # not this one
    pair.send(type="abort", job="stopped")
    assert pair.until("aborted", "finished", "failed") == {"type": "aborted", "job": "stopped"}
    assert not list(inputs.glob("chunk-*"))
    assert pair.render("next", make_inputs(tmp_path / "next", 1.0), **order(frames=25))["type"] == "finished"


def test_an_abort_after_the_chunk_hands_it_over_first(pair: RankGroup, tmp_path: Path) -> None:
    inputs, whole = make_inputs(tmp_path / "stopped", 8.0), make_inputs(tmp_path / "whole", 8.0)
    said = order(frames=200, steps=60)
    pair.send(type="render", job="after", generation=1, directory=str(inputs), order=said)
    while pair.until("progress", "finished")["step"] < 3:
        pass
    pair.send(type="abort", job="after", after_chunk=True)
    assert pair.until("aborted", "finished", "failed") == {"type": "aborted", "job": "after"}
    told = messages_of(pair, "after", "chunk")
    assert [message["index"] for message in told] == list(range(len(told)))
    assert 1 <= len(told) < 3
    assert max((message["chunk"], message["step"]) for message in messages_of(pair, "after", "progress")) == (
        len(told),
        0,
    )
    assert sorted(path.name for path in inputs.glob("chunk-*")) == sorted(
        artifact["name"] for message in told for artifact in (message["segment"], message["state"])
    )
    assert pair.render("rest", inputs, **{**said, "first_chunk": len(told)})["type"] == "finished"
    assert pair.render("whole", whole, **said)["type"] == "finished"
    assert digests(inputs) == digests(whole)


def test_an_abort_after_the_last_chunk_finishes_and_one_at_once_comes_first(pair: RankGroup, tmp_path: Path) -> None:
    for job, words, ending in (
        ("last", [{"after_chunk": True}], "finished"),
        ("both", [{"after_chunk": True}, {}], "aborted"),
    ):
        inputs, said = make_inputs(tmp_path / job, 2.0), order(frames=50, width=192, height=192, steps=100)
        pair.send(type="render", job=job, generation=1, directory=str(inputs), order=said)
        while pair.until("progress", "finished")["step"] < 3:
            pass
        for message in words:
            pair.send(type="abort", job=job, **message)
        assert pair.until("aborted", "finished", "failed")["type"] == ending
    assert pair.render("next", make_inputs(tmp_path / "next", 1.0), **order(frames=25))["type"] == "finished"


@pytest.mark.parametrize(
    ("changes", "code", "expected"),
    [
        (
            {"width": 100},
            "order_refused",
            "the order is wrong: width must be a whole number from 64 to 4096, a multiple of 16; it was 100",
        ),
        ({"frames": 90}, "order_refused", "the voices last 50 frames at 25 fps, the order says 90"),
        (
            {"preset": "draft"},
            "order_refused",
            "the order is wrong: preset must be quality or fast or turbo; it was 'draft'",
        ),
        ({"bbox": [{"x": 0, "y": 0, "width": 64, "height": 64}]}, "box_unusable", "one person owns the whole picture"),
        ({"reference_is_video": True}, "reference_unreadable", "the reference video cannot be read"),
        ({"first_chunk": 1}, "checkpoint_refused", "the checkpoint cannot be read"),
        ({"first_chunk": 2}, "order_refused", "first_chunk 2 is beyond the last of 1 chunks"),
    ],
)
def test_what_cannot_be_rendered_is_rejected_with_its_reason(
    pair: RankGroup, tmp_path: Path, changes: dict, code: str, expected: str
) -> None:
    answer = pair.render("bad", make_inputs(tmp_path, 2.0), **order(**{"frames": 50, **changes}))
    assert (answer["type"], answer["code"]) == ("rejected", code)
    assert answer["detail"].startswith(expected)


def test_a_checkpoint_of_another_order_is_rejected_with_what_differs(pair: RankGroup, tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path, 4.0)
    assert pair.render("mine", inputs, **order(frames=100))["type"] == "finished"
    (inputs / "chunk-0000.state").rename(inputs / "checkpoint")
    answer = pair.render("other", inputs, **order(frames=100, seed=43, shift=3.0, first_chunk=1))
    assert answer["type"] == "rejected"
    assert "seed was 42 and is 43" in answer["detail"]
    assert "shift was 5.0 and is 3.0" in answer["detail"]


def test_damaged_files_are_rejected(pair: RankGroup, tmp_path: Path) -> None:
    damages = (
        ("reference", b"\x89PNG nonsense", "reference_unreadable"),
        ("voice-1.wav", b"RIFF", "voice_unreadable"),
        ("checkpoint", b"PK", "checkpoint_refused"),
    )
    for name, content, code in damages:
        inputs = make_inputs(tmp_path / name, 4.0)
        (inputs / name).write_bytes(content)
        first = 1 if name == "checkpoint" else 0
        answer = pair.render("damaged", inputs, **order(frames=100, first_chunk=first))
        assert (answer["type"], answer["code"]) == ("rejected", code)


def test_all_ranks_beat_while_they_wait(pair: RankGroup) -> None:
    while pair.until("beat")["rank"] != 0:
        pass
    assert {pair.until("beat", seconds=3)["rank"] for _ in range(6)} == {0, 1}


def test_a_lost_rank_ends_the_group(tmp_path: Path) -> None:
    with RankGroup(2) as group:
        group.until("ready")
        said = order(frames=200, **LONG)
        group.send(type="render", job="j", generation=1, directory=str(make_inputs(tmp_path, 8.0)), order=said)
        while group.until("progress")["step"] < 2:
            pass
        os.kill(group.pids[1], signal.SIGKILL)
        assert group.wait(60) == [1, -signal.SIGKILL]


def test_a_rank_that_fails_says_why_and_ends_the_group(tmp_path: Path) -> None:
    with RankGroup(2) as group:
        group.until("ready")
        inputs = make_inputs(tmp_path, 2.0)
        (inputs / "chunk-0000.mp4").mkdir()  # where the segment should go
        failed = group.render("j", inputs, **order(frames=50))
        assert (failed["type"], failed["rank"], failed["job"], failed["code"]) == ("failed", 0, "j", "rank_failed")
        assert "chunk-0000.mp4" in failed["detail"]
        assert group.wait(60) == [1, 1]


@pytest.mark.parametrize("rendering", [False, True])
def test_ranks_leave_when_the_runner_hangs_up(tmp_path: Path, rendering: bool) -> None:
    with RankGroup(2, by_command=not rendering) as group:  # once with the exit of the program itself
        group.until("ready")
        if rendering:
            said = order(frames=200, **LONG)
            group.send(type="render", job="j", generation=1, directory=str(make_inputs(tmp_path, 8.0)), order=said)
            while group.until("progress")["step"] < 2:
                pass
        group.hang_up()
        assert group.wait(60) == [0, 0]


def test_memory_does_not_grow_with_the_length_of_the_video(tmp_path: Path) -> None:
    with RankGroup(1) as group:
        group.until("ready")
        peaks = []
        for chunks in (4, 24):
            frames = 81 + 72 * (chunks - 1)
            inputs = make_inputs(tmp_path / str(chunks), frames / 25)
            assert group.render(f"of_{chunks}", inputs, **order(frames=frames, steps=1))["chunks"] == chunks
            peaks.append(group.peak_kib(0))
        assert peaks[1] <= 1.05 * peaks[0]  # keeping 20 chunks of frames would add 280 MB
