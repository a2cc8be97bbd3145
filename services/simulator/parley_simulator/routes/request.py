"""A request of the REST API once it is known who asks what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from parley_simulator.domain.form import Form

Reply: TypeAlias = tuple[int, dict[str, object] | None]
"""HTTP status and JSON body; None for 204."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """`sid` is the resource's, "" for a list; `token` 32 hexadecimal digits that name the request.

    `item` is the sid of what is in the resource; `host` where the API was asked, for absolute links.
    """

    operation: str
    path: str
    sid: str
    token: str
    query: Form = field(repr=False)
    form: Form = field(repr=False)
    item: str = ""
    host: str = ""
