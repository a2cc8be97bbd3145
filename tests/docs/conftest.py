"""What the tests of pages share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.likeness import Likeness
from tests.docs.pages import ROOT
from tests.docs.terminal import Terminal


@pytest.fixture
def likeness() -> Likeness:
    return Likeness()


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """In a copy of what a reader's commands use of the clone."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "agents", clone / "agents", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", clone)
    return Terminal(clone, tmp_path / "stack.json", capsys)
