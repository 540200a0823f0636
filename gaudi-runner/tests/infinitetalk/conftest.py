"""One tiny model for all tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.infinitetalk.weights.model_folder import ModelFolder
from tools.tiny_checkpoint import write_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A tiny random model; not to be changed."""
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture
def broken_folder(tiny_folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """A copy of the tiny model that a test may break."""
    return ModelFolder(Path(shutil.copytree(tiny_folder.root, tmp_path / "model")))
