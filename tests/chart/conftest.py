"""The chart as helm renders it, without a cluster; skipped where `make test-kube` has not fetched helm."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from tests.chart.rendering import Rendered, render, values_of
from tests.kube.store import MissingError
from tests.kube.tools import Helm, find_helms


@pytest.fixture(scope="session")
def helm() -> Helm:
    """The newest."""
    try:
        return find_helms()[-1]
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def configuration(helm: Helm) -> Callable[[str], Rendered]:
    """What comes of a file in ci/, by its name without `-values.yaml`."""
    return lru_cache(lambda name: render(helm, values_of(name)))


@pytest.fixture(scope="session")
def minimal(configuration: Callable[[str], Rendered]) -> Rendered:
    return configuration("minimal")


@pytest.fixture(scope="session")
def available(configuration: Callable[[str], Rendered]) -> Rendered:
    """The configuration that uses most of what there is."""
    return configuration("high-availability")


@pytest.fixture(scope="session")
def mutual(configuration: Callable[[str], Rendered]) -> Rendered:
    """With mutual TLS, and a Secret for each service."""
    return configuration("tls-secrets")
