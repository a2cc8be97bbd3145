"""The chart as helm renders it, without a cluster; skipped where `make test-kube` has not fetched helm."""

from __future__ import annotations

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
def minimal(helm: Helm) -> Rendered:
    return render(helm, values_of("minimal"))


@pytest.fixture(scope="session")
def available(helm: Helm) -> Rendered:
    """The configuration that uses most of what there is."""
    return render(helm, values_of("high-availability"))


@pytest.fixture(scope="session")
def mutual(helm: Helm) -> Rendered:
    """With mutual TLS, and a Secret for each service."""
    return render(helm, values_of("tls-secrets"))
