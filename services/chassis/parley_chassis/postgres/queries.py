"""Reads the statements of a .sql file by name, so that SQL is kept as SQL and reads from top to bottom.

A statement begins at a line `-- name: <name>` and goes on to the next; comments in it stay with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load_queries(package: str, file: str = "queries.sql") -> Mapping[str, LiteralString]:
    """The statements of `file` in `package`, by name. Raises ValueError for a name that stands twice."""
    _, *parts = _NAME.split(files(package).joinpath(file).read_text("utf-8"))
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{file} has two statements of one name")
    # A file of the package is as literal as a string in its source.
    return {name: cast(LiteralString, body.strip().rstrip(";")) for name, body in zip(names, bodies, strict=True)}
