"""Failures keep their words, and those of the hardware say what they mean (facts: pipeline 5.4)."""

from __future__ import annotations

import pytest
import torch

from pipeline.engine import CannotStart
from pipeline.failures import message_of, reason_of
from pipeline.finite import NotANumber

TABLE = [
    # as it was seen; the runner's word before and after `ready`; a word of what to do
    ("synStatus=8 [Device not found] Device acquire failed.", "cannot_start", "engine", "/dev/accel"),
    ("synStatus=20 [Device already acquired] Device acquire failed.", "cannot_start", "engine", "/dev/accel"),
    ("synStatus=26 [Generic failure] Device acquire failed.", "cannot_start", "engine", "/dev/accel"),
    (
        "synDeviceAcquire(&resources.deviceHandle, nullptr) failed with synapse error: 20",
        "cannot_start",
        "engine",
        "HCL versions",
    ),
    ("Invalid server type (4[OCP1]) requested to generate controller.", "cannot_start", "engine", "HCL versions"),
    ("Graph compile failed. synStatus=synStatus 26 [Generic failure]. compile", "engine", "engine", "LOG_LEVEL_ALL_PT"),
    ("Graph compile failed. 26", "engine", "engine", "PT_HPU_LAZY_MODE"),
    ("synLaunch failed. 26", "engine", "engine", "PT_HPU_LAZY_MODE"),
    ("habanalabs hl2: Failed to initialize hl2. Device is NOT usable !", "cannot_start", "engine", "reboot"),
    ("CUDA out of memory. Tried to allocate 2.00 GiB", "out_of_memory", "out_of_memory", "smaller size"),
    ("DefaultCPUAllocator: can't allocate memory", "out_of_memory", "out_of_memory", "smaller size"),
]


@pytest.mark.parametrize(("said", "starting", "serving", "action"), TABLE, ids=[row[0][:40] for row in TABLE])
def test_a_failure_of_the_hardware_says_what_to_do(said: str, starting: str, serving: str, action: str) -> None:
    error = RuntimeError(said)
    assert (reason_of(error, serving=False), reason_of(error, serving=True)) == (starting, serving)
    words, _, rest = message_of(error).partition("\n")
    assert words == f"RuntimeError: {said}"
    assert action in rest


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (CannotStart("device hpu: device not found"), "cannot_start", "device hpu: device not found"),
        (NotANumber("the latent is not finite"), "not_a_number", "NotANumber: the latent is not finite"),
        (torch.OutOfMemoryError("full"), "out_of_memory", "OutOfMemoryError: full"),
        (MemoryError(), "out_of_memory", "MemoryError: "),
        (KeyError("x"), "engine", "KeyError: 'x'"),
    ],
)
def test_all_else_keeps_its_own_words(error: Exception, reason: str, message: str) -> None:
    assert reason_of(error, serving=True) == reason
    assert message_of(error) == message
