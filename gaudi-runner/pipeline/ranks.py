"""One rank of the group that holds the model. Started by the runner with torchrun, never alone:

    python -m torch.distributed.run --nproc-per-node=8 -m pipeline.ranks --control /run/ranks.sock --engine demo

Rank 0 takes orders from the runner over a Unix socket, one JSON object a line, and shares each with the other ranks.
Every rank then makes the same calls in the same order; a rank that strayed would leave the rest waiting in a
collective, so any unexpected error ends the process and torchrun takes the group down. An order can be bad; a group
cannot be half alive.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from pipeline.control import Control, RunnerGone
from pipeline.engine import Engine
from pipeline.engines import Chosen, add_engine_arguments, choose_engine
from pipeline.failures import code_of, detail_of
from pipeline.group import Group
from pipeline.lifetime import die_with_parent, give_back_freed_memory, keep_freed_memory
from pipeline.order import OrderRejected
from pipeline.render import render
from pipeline.stopping import Aborted
from pipeline.warm_up import measure_forward, pass_through_vae

IDLE_SECONDS = 1.0
PEER_SECONDS = 1.0
# Longer than any preparation on rank 0, shorter than anybody's patience: a lost peer is noticed at once anyway.
COLLECTIVE_TIMEOUT = timedelta(minutes=20)


def main() -> None:
    """Join the group, load the engine, serve until the runner closes the socket."""
    die_with_parent()
    arguments = argparse.ArgumentParser(prog="pipeline.ranks")
    arguments.add_argument("--control", required=True, help="the runner's Unix socket")
    add_engine_arguments(arguments)
    options = arguments.parse_args()

    torch.set_num_threads(1)
    keep_freed_memory()
    control = Control(options.control, int(os.environ["RANK"]))
    job: list[str | None] = [None]
    serving = False
    try:
        chosen = choose_engine(options)
        dist.init_process_group(chosen.backend, timeout=COLLECTIVE_TIMEOUT)
        group = Group()
        with torch.inference_mode():
            engine = chosen.load(group)
            announce_ready(engine, group, chosen, control)
            serving = True
            serve(engine, group, control, job)
    except RunnerGone:
        dist.destroy_process_group()
    except Exception as error:
        # The others hang in a collective until we are gone, so: say why, and go.
        traceback.print_exc()
        if "gloo" in str(error) or "by peer" in str(error) or "Broken pipe" in str(error):
            time.sleep(PEER_SECONDS)  # another rank went first: its word is the one that explains
        code = code_of(error, serving)
        control.send("failed", rank=control.rank, job=job[0], code=code, detail=detail_of(error))
        sys.stderr.flush()
        os._exit(1)


def announce_ready(engine: Engine, group: Group, chosen: Chosen, control: Control) -> None:
    """Ready means every rank has its weights and a forward pass of each shape has gone through all of them.

    Where graphs are compiled, the VAE's are too.
    """
    measured = [measure_forward(engine, group, shape, control.beat) for shape in chosen.warm_up]
    if chosen.compiles:
        for shape in chosen.warm_up:
            pass_through_vae(engine, group, shape, control.beat)
    seconds, tokens = measured[0]
    if group.leads:
        versions = {"torch": torch.__version__, "python": platform.python_version(), **engine.versions}
        versions["engine"] = engine.identity_of(engine.presets[0])
        control.send(
            "ready",
            engine=engine.name,
            model=engine.model,
            device=engine.device.type,
            ranks=group.size,
            versions=versions,
            presets=list(engine.presets),
            seconds_per_forward=seconds,
            tokens_per_forward=tokens,
        )


def serve(engine: Engine, group: Group, control: Control, job: list[str | None]) -> None:
    """Render one order after another. `job[0]` names the one at hand, for the message about a failure."""
    while True:
        command = next_command(group, control)
        job[0] = command["job"]
        try:
            done = render(engine, group, control, command["job"], Path(command["directory"]), command["order"])
            ending: dict[str, Any] = {"type": "finished", "chunks": done.chunks, "frames": done.frames}
            ending["render_seconds"] = done.seconds
        except OrderRejected as error:
            ending = {"type": "rejected", "code": error.code, "detail": str(error)}
        except Aborted:
            ending = {"type": "aborted"}
        if group.leads:
            control.send(job=command["job"], **ending)
        job[0] = None
        give_back_freed_memory()


def next_command(group: Group, control: Control) -> dict[str, Any]:
    """The runner's next order, on every rank; raises RunnerGone on every rank. All of them beat while they wait."""
    while True:
        control.beat()
        word: dict[str, Any] | None = None
        if group.leads:
            try:
                word = control.next_message(IDLE_SECONDS)
            except RunnerGone:
                word = {"type": "leave"}
        word = group.agree(word)
        if word is None or word["type"] == "abort":  # an abort of a job that has ended: nothing to do
            continue
        if word["type"] == "leave":
            raise RunnerGone
        if word["type"] != "render":
            raise ValueError(f"the runner said {word['type']!r}, which no rank knows")
        return word


if __name__ == "__main__":
    main()
