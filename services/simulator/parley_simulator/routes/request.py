"""A request of the REST API once it is known who asks what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from parley_simulator.domain.form import Form

Reply: TypeAlias = tuple[int, dict[str, object]]
"""HTTP status and JSON body."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """`sid` is the resource's, "" for a list; `token` 32 hexadecimal digits that name the request."""

    operation: str
    path: str
    sid: str
    token: str
    query: Form = field(repr=False)
    form: Form = field(repr=False)
