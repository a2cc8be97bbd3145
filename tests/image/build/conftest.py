"""The images, built from this checkout. Skipped where none can be built; with PARLEY_IMAGE_REQUIRED=1 that fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.image.build.engine import Engine, find_engine
from tests.kube.store import MissingError


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    try:
        engine = find_engine()
    except MissingError as error:
        if os.environ.get("PARLEY_IMAGE_REQUIRED"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    yield engine
    engine.prune()


@pytest.fixture(scope="session")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The name of a package's image, which is built when it is first asked for."""
    logs = tmp_path_factory.mktemp("builds")
    images: dict[str, str] = {}

    def image(package: str) -> str:
        if package not in images:
            images[package] = engine.build(package, logs / f"{package}.log")
        return images[package]

    return image
