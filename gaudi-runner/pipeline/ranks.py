"""One rank of the group that holds the model. The runner starts all of them, each with its own number:

    RANK=0 WORLD_SIZE=8 RANKS_STORE=/run/launch/store python -m pipeline.ranks --control /run/launch/control.sock

Rank 0 takes orders from the runner over a Unix socket, one JSON object a line, and shares each with the other ranks.
Every rank then makes the same calls in the same order; a rank that strayed would leave the rest waiting in a
collective, so any unexpected error ends the process and the runner ends the others. An order can be bad; a group
cannot be half alive.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from pipeline.engine import Engine
from pipeline.engines import Chosen, add_engine_arguments, choose_engine
from pipeline.failures import code_of, detail_of
from pipeline.order import OrderRejected
from pipeline.rank.control import Control, RunnerGone
from pipeline.rank.group import Group, PeerLost, join_ranks
from pipeline.rank.lifetime import die_with_parent, give_back_freed_memory, keep_freed_memory
from pipeline.rank.stopping import Aborted
from pipeline.render import render
from pipeline.warm_up import measure_forward, pass_through_vae

IDLE_SECONDS = 1.0
PEER_SECONDS = 1.0


def main() -> None:
    """Join the group, load the engine, serve until the runner closes the socket."""
    die_with_parent()
    os.umask(0o077)  # the store and what is handed over are this user's alone
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
        if control.rank == 0:
            chosen.check(int(os.environ["WORLD_SIZE"]))
        join_ranks(chosen.backend)
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
        if isinstance(error, PeerLost):
            time.sleep(PEER_SECONDS)  # another rank went first: what it says explains it
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
    if group.is_rank0:
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
        if group.is_rank0:
            control.send(job=command["job"], **ending)
        job[0] = None
        give_back_freed_memory()


def next_command(group: Group, control: Control) -> dict[str, Any]:
    """The runner's next order, on every rank; raises RunnerGone on every rank. All of them beat while they wait."""
    while True:
        control.beat()
        message: dict[str, Any] | None = None
        if group.is_rank0:
            try:
                message = control.next_message(IDLE_SECONDS)
            except RunnerGone:
                message = {"type": "leave"}
        message = group.broadcast_object(message)
        if message is None or message["type"] == "abort":  # an abort of a job that has ended: nothing to do
            continue
        if message["type"] == "leave":
            raise RunnerGone
        if message["type"] != "render":
            raise ValueError(f"the runner said {message['type']!r}, which no rank knows")
        return message


if __name__ == "__main__":
    main()
