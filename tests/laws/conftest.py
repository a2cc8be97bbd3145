"""Reads the tree once for all laws."""

import pytest

from tests.laws.tree import Source, own_sources


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    return own_sources()
