"""Keeps apart the zygotes that a test starts and those that were there before it."""

from __future__ import annotations

import pytest

from tests.integration.agent.agents import STRANGERS, zygotes


@pytest.fixture(autouse=True)
def strangers() -> None:
    STRANGERS.clear()
    STRANGERS.update(process.pid for process in zygotes())
