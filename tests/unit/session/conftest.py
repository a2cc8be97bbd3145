"""Threads to begin with."""

from __future__ import annotations

import pytest

from tests.unit.session.world import World, begun


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def talking(world: World) -> World:
    """A session whose first turn is committed."""
    world.answer(begun(world.receive("hello")), "Hi, who is this?", state='{"step":1}')
    return world
