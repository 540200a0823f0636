"""Failures have a code and keep their words for operators; those of the hardware say what they mean."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from pipeline.demo.engine import DemoEngine
from pipeline.engine import CannotStart
from pipeline.failures import BREAKS, REJECTIONS, code_of, detail_of
from pipeline.finite import NotANumber
from pipeline.infinitetalk.engine import InfiniteTalkEngine
from pipeline.order import OrderRejected

# What the runner's side is held to as well.
SHARED = json.loads((Path(__file__).parents[2] / "test/fixtures/rank-failures.json").read_text())
RAISED = {
    error.__name__: error
    for error in (KeyError, RuntimeError, MemoryError, OSError, CannotStart, NotANumber, torch.OutOfMemoryError)
}


def test_the_codes_are_those_of_the_runner() -> None:
    assert list(SHARED["rejections"]) == list(REJECTIONS)
    assert list(SHARED["breaks"]) == list(BREAKS)
    assert {case["code"] for case in SHARED["cases"]} == set(BREAKS)


@pytest.mark.parametrize("case", SHARED["cases"], ids=[f"{case['raised']}-{case['code']}" for case in SHARED["cases"]])
def test_every_error_has_its_code(case: dict) -> None:
    assert code_of(RAISED[case["raised"]](case["says"]), case["serving"]) == case["code"]


def test_the_engines_models_are_named_as_the_api_names_them() -> None:
    assert {"demo": DemoEngine.model, "infinitetalk": InfiniteTalkEngine.model} == SHARED["models"]


def test_a_rejection_reaches_the_other_ranks_with_its_code() -> None:
    sent = pickle.loads(pickle.dumps(OrderRejected("voice-1.wav holds no sound", "voice_silent")))
    assert (str(sent), sent.code) == ("voice-1.wav holds no sound", "voice_silent")
    assert OrderRejected("frames 0 is less than 1").code in REJECTIONS


TABLE = [
    # as it was seen; its code before and after `ready`; a word of what to do
    ("synStatus=8 [Device not found] Device acquire failed.", "cannot_start", "rank_failed", "/dev/accel"),
    ("synStatus=20 [Device already acquired] Device acquire failed.", "cannot_start", "rank_failed", "/dev/accel"),
    ("synStatus=26 [Generic failure] Device acquire failed.", "cannot_start", "rank_failed", "/dev/accel"),
    (
        "synDeviceAcquire(&resources.deviceHandle, nullptr) failed with synapse error: 20",
        "cannot_start",
        "rank_failed",
        "HCL versions",
    ),
    ("Invalid server type (4[OCP1]) requested to generate controller.", "cannot_start", "rank_failed", "HCL versions"),
    (
        "Graph compile failed. synStatus=synStatus 26 [Generic failure]. compile",
        "rank_failed",
        "rank_failed",
        "LOG_LEVEL_ALL_PT",
    ),
    ("Graph compile failed. 26", "rank_failed", "rank_failed", "PT_HPU_LAZY_MODE"),
    ("synLaunch failed. 26", "rank_failed", "rank_failed", "PT_HPU_LAZY_MODE"),
    ("habanalabs hl2: Failed to initialize hl2. Device is NOT usable !", "cannot_start", "rank_failed", "reboot"),
    ("CUDA out of memory. Tried to allocate 2.00 GiB", "out_of_memory", "out_of_memory", "smaller size"),
    ("DefaultCPUAllocator: can't allocate memory", "out_of_memory", "out_of_memory", "smaller size"),
]


@pytest.mark.parametrize(("said", "starting", "serving", "action"), TABLE, ids=[row[0][:40] for row in TABLE])
def test_a_failure_of_the_hardware_says_what_to_do(said: str, starting: str, serving: str, action: str) -> None:
    error = RuntimeError(said)
    assert (code_of(error, serving=False), code_of(error, serving=True)) == (starting, serving)
    words, _, rest = detail_of(error).partition("\n")
    assert words == f"RuntimeError: {said}"
    assert action in rest


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (CannotStart("device hpu: device not found"), "device hpu: device not found"),
        (NotANumber("the latent is not finite"), "NotANumber: the latent is not finite"),
        (MemoryError(), "MemoryError: "),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_all_else_keeps_its_own_words(error: Exception, detail: str) -> None:
    assert detail_of(error) == detail
