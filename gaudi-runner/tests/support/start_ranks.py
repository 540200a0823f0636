"""Starts ranks as the runner does (`rank-command.ts`): a process each, which meet in a file of this launch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from pipeline import ranks as rank_program
from support.forked import forked

PACKAGE = Path(__file__).parents[2]
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


@dataclass(frozen=True)
class RankStart:
    """What one of so many ranks is started with; its launch has this folder to itself."""

    rank: int
    ranks: int
    folder: Path
    arguments: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "RANK": str(self.rank),
            "LOCAL_RANK": str(self.rank),
            "WORLD_SIZE": str(self.ranks),
            "LOCAL_WORLD_SIZE": str(self.ranks),
            "RANKS_STORE": str(self.folder / "store"),
            "GLOO_SOCKET_IFNAME": LOOPBACK,
            "OMP_NUM_THREADS": "1",
        }


class ForkedRank:
    """The rank's program in a process that has its modules already."""

    def __init__(self, start: RankStart) -> None:
        arguments = (start.environment, start.arguments)
        self._process: BaseProcess = forked().Process(target=_run, args=arguments, daemon=True)
        self._process.start()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"process {self._process.pid} runs on")
        return code


def command_rank(start: RankStart) -> subprocess.Popen[bytes]:
    """The rank by its command line, as the runner starts it."""
    command = [sys.executable, "-m", "pipeline.ranks", *start.arguments]
    return subprocess.Popen(command, cwd=PACKAGE, env=start.environment, stdin=subprocess.DEVNULL)


def _run(environment: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(PACKAGE)
    sys.argv = ["pipeline.ranks", *arguments]
    rank_program.main()
