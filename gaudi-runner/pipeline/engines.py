"""The engines by name, with what each computes on.

Only what is asked for is imported: the model's libraries take seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine import Engine, Shape
from pipeline.rank.group import Group


@dataclass(frozen=True)
class Chosen:
    """An engine before it is loaded: the ranks must be joined first, over what its device speaks."""

    backend: str  # of torch.distributed
    warm_up: tuple[Shape, ...]  # passed through before the ranks are ready; the first one's speed is told
    compiles: bool  # whether what a shape passes through first takes minutes
    check: Callable[[int], None]  # for so many ranks; what one rank can tell before it waits for others: CannotStart
    load: Callable[[Group], Engine]  # collective; CannotStart on every rank alike


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what chooses an engine to a command line."""
    parser.add_argument("--engine", choices=["demo", "infinitetalk"], default="demo")
    parser.add_argument("--model-dir", type=Path, default=Path("/hf"), help="folder of the weights (infinitetalk)")
    parser.add_argument("--device", choices=["auto", "hpu", "cuda", "cpu"], default="auto", help="(infinitetalk)")


def choose_engine(options: argparse.Namespace) -> Chosen:
    """Choose by the arguments above. CannotStart for a device that is not there."""
    if options.engine == "demo":
        from pipeline.demo.engine import WARM_UP, DemoEngine

        return Chosen("gloo", WARM_UP, False, lambda _ranks: None, DemoEngine)
    from pipeline.infinitetalk.device import choose_device
    from pipeline.infinitetalk.engine import InfiniteTalkEngine, check_files

    device = choose_device(None if options.device == "auto" else options.device)
    return Chosen(
        device.backend,
        device.warm_up,
        device.compiles,
        lambda ranks: check_files(options.model_dir, ranks),
        lambda group: InfiniteTalkEngine(group, options.model_dir, device),
    )
