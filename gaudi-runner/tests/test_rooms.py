"""Imports run one way: from the process down to the interface, never back up, and never out of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PIPELINE = Path(__file__).parents[1] / "pipeline"

# Each room: its files (a folder stands for all of them), and the rooms that they may import. A new file of the top
# folder or of infinitetalk/ gets its room here.
ROOMS = {
    "interface": ("engine order rules presets finite plan", ""),
    "rank": ("rank", "interface"),
    "voices": ("voices", "interface"),
    "pictures": ("pictures", "interface"),
    "state": ("state", "interface"),
    "loop": ("guidance denoise stream", "interface rank voices pictures state"),
    "render": ("prepare progress handover render", "interface rank voices pictures state loop"),
    "demo": ("demo", "interface rank voices"),
    "model": (
        "infinitetalk.model infinitetalk.attention infinitetalk.ref_attn_map infinitetalk.rotary infinitetalk.parallel"
        " infinitetalk.device",
        "interface rank pictures",
    ),
    "weights": ("infinitetalk.weights", "interface model"),
    "encoders": ("infinitetalk.encoders", "interface voices model weights"),
    "infinitetalk": ("infinitetalk.engine infinitetalk.denoiser", "interface rank model weights encoders"),
    "process": ("ranks engines warm_up failures", "interface rank voices loop render demo model infinitetalk"),
}


def modules() -> dict[str, Path]:
    """Every module by its name within the package; a folder's own file only says what is in it."""
    paths = [path for path in PIPELINE.rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(PIPELINE).with_suffix("").parts): path for path in paths}


def imports(path: Path) -> Iterator[str]:
    """Whole names of what a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write the package's name, not dots"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(path: Path) -> set[str]:
    """Modules of the package that a file imports."""
    names = {name.removeprefix("pipeline.") for name in imports(path) if name.startswith("pipeline.")}
    return names & modules().keys()


def room_of(module: str) -> str:
    found = [
        room
        for room, (files, _) in ROOMS.items()
        if any(module == file or module.startswith(f"{file}.") for file in files.split())
    ]
    assert len(found) == 1, f"{module} is in {found or 'no room'}: ROOMS names one for each file"
    return found[0]


@pytest.mark.parametrize("module", modules())
def test_a_file_imports_only_what_its_room_may(module: str) -> None:
    room = room_of(module)
    allowed = {room, *ROOMS[room][1].split()}
    for imported in within(modules()[module]):
        assert room_of(imported) in allowed, f"{module} ({room}) imports {imported} ({room_of(imported)})"


def test_neither_rooms_nor_files_import_in_a_circle() -> None:
    TopologicalSorter({room: allowed.split() for room, (_, allowed) in ROOMS.items()}).prepare()  # CycleError
    TopologicalSorter({module: within(path) for module, path in modules().items()}).prepare()


def test_every_arrow_is_used() -> None:
    used = {(room_of(module), room_of(other)) for module, path in modules().items() for other in within(path)}
    allowed = {(room, other) for room, (_, others) in ROOMS.items() for other in others.split()}
    assert allowed - used == set()


def test_what_runs_on_the_ranks_needs_no_programs_of_tests() -> None:
    for path in modules().values():
        assert not [name for name in imports(path) if name.split(".")[0] in ("tools", "support", "pytest")], path
