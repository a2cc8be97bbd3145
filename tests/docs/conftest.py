"""What the tests of pages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.likeness import Likeness
from tests.docs.terminal import Terminal, clone_in


@pytest.fixture
def likeness() -> Likeness:
    return Likeness()


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Where no stack runs yet."""
    return Terminal(clone_in(tmp_path), tmp_path / "stack.json", capsys)
