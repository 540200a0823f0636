"""The model on real ranks, started as the runner does it: from files to MP4."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine import CannotStart
from pipeline.infinitetalk.device import choose_device
from pipeline.infinitetalk.weights.model_folder import ModelFolder
from support.orders import make_inputs, order
from support.rank_group import RankGroup

SMALL = {"width": 64, "height": 64, "steps": 2}


def group_of(ranks: int, folder: ModelFolder) -> RankGroup:
    return RankGroup(ranks, ("infinitetalk", "--model-dir", str(folder.root), "--device", "cpu"))


@pytest.fixture(scope="module")
def pair(tiny_folder: ModelFolder) -> Iterator[RankGroup]:
    with group_of(2, tiny_folder) as group:
        assert group.until("ready", "failed")["type"] == "ready"
        yield group


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_ready_says_which_model_it_is(pair: RankGroup) -> None:
    ready = next(message for message in pair.received if message["type"] == "ready")
    assert (ready["engine"], ready["model"], ready["device"]) == ("infinitetalk", "InfiniteTalk", "cpu")
    assert ready["versions"]["engine"].startswith("infinitetalk ")


def test_resuming_at_the_second_chunk_gives_the_same_bytes(pair: RankGroup, tmp_path: Path) -> None:
    said = order(frames=100, **SMALL)
    whole, rest = make_inputs(tmp_path / "whole", 4.0), make_inputs(tmp_path / "rest", 4.0)
    done = pair.render("whole", whole, **said)
    assert (done["type"], done["chunks"], done["frames"]) == ("finished", 2, 100)
    shutil.copy(whole / "chunk-0000.state", rest / "checkpoint")
    assert pair.render("rest", rest, **{**said, "first_chunk": 1})["type"] == "finished"
    assert digest(rest / "chunk-0001.mp4") == digest(whole / "chunk-0001.mp4")


def test_two_people_speak_if_each_has_a_token(pair: RankGroup, tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path / "two", 0.5, second_voice=0.5)
    said = order(frames=12, audio_type="para", **SMALL)
    assert pair.render("two", inputs, **said)["type"] == "finished"
    # Person 1's box holds none of the pixels that a token looks at: one in 64 of the reference's, either way.
    boxes = [{"x": 8, "y": 8, "width": 2, "height": 2}, {"x": 128, "y": 0, "width": 100, "height": 200}]
    refused = pair.render("narrow", inputs, **{**said, "bbox": boxes})
    assert refused["type"] == "rejected"
    assert "covers no token" in refused["detail"]


def test_a_preset_is_its_own_video_and_no_other_s_checkpoint(pair: RankGroup, tmp_path: Path) -> None:
    said = order(frames=12, **SMALL)
    videos = {}
    for name, preset in (("first", "quality"), ("quick", "turbo"), ("again", "quality")):
        inputs = make_inputs(tmp_path / name, 0.5)
        assert pair.render(name, inputs, **{**said, "preset": preset})["type"] == "finished"
        videos[name] = digest(inputs / "chunk-0000.mp4")
    assert videos["first"] == videos["again"] != videos["quick"]
    refused = pair.render("none", make_inputs(tmp_path / "none", 0.5), **{**said, "preset": "best"})
    assert refused["type"] == "rejected"
    assert "preset must be quality or fast or turbo; it was 'best'" in refused["detail"]


def test_all_that_is_wrong_is_told_by_ranks_that_cannot_start(broken_folder: ModelFolder) -> None:
    broken_folder.text_encoder[0].unlink()
    with group_of(3, broken_folder) as group:
        failed = group.until("ready", "failed")
        assert failed["code"] == "cannot_start"
        assert "2 problems with the weights" in failed["detail"]
        assert "models_t5_umt5-xxl-enc-bf16.pth is missing" in failed["detail"]
        assert "8 heads cannot be split over 3 ranks" in failed["detail"]
        assert "huggingface.co/Wan-AI/Wan2.1-I2V-14B-480P" in failed["detail"]


def test_one_rank_refuses_what_cannot_work_before_it_waits_for_the_others(broken_folder: ModelFolder) -> None:
    broken_folder.tokenizer.unlink()
    broken_folder.adapter(1).unlink()
    engine = ("infinitetalk", "--model-dir", str(broken_folder.root), "--device", "cpu")
    with RankGroup(3, engine, started=[0]) as group:
        failed = group.until("ready", "failed")
        assert (failed["rank"], failed["code"]) == (0, "cannot_start")
        assert "3 problems with the weights" in failed["detail"]
        for problem in ("tokenizer.json is missing", "infinitetalk.safetensors is missing", "over 3 ranks"):
            assert problem in failed["detail"]
        assert group.wait(60) == [1]


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(CannotStart, match="device hpu: this machine has none"):
        choose_device("hpu")
