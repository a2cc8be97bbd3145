"""A stack for everybody who types at one; each test takes participants of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.integration.cli.stacks import RunningStack, stack_of

_fresh = count(1)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """As `parley up` starts it."""
    with stack_of(tmp_path_factory.mktemp("stack"), "--agent", "desk") as running:
        yield running


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that every account can enter: PostgreSQL may run as another."""
    with tempfile.TemporaryDirectory(prefix="parley-cli-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def participant() -> str:
    return f"+1666070{next(_fresh):04d}"


@pytest.fixture
def number() -> str:
    return f"+1555070{next(_fresh):04d}"
