"""A request of the REST API once it is known who asks what, and what a kind of resource offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TypeAlias

from parley_simulator.domain.form import Form

API_VERSION = "2010-04-01"
ACCOUNT = f"/{API_VERSION}/Accounts/{{account}}"
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

    def url(self, path: str = "") -> str:
        """Twilio's links are absolute outside the 2010 API; these lead back to where the request came in."""
        return f"http://{self.host}{path or self.path}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a resource does at a path, in one step: it raises Refusal and nothing has happened, or it is done."""

    method: str
    path: str
    operation: str
    act: Callable[[ApiRequest], Reply]


def rfc2822(at: float) -> str:
    """`Thu, 24 Aug 2023 05:01:45 +0000`"""
    return format_datetime(datetime.fromtimestamp(int(at), UTC))


def iso8601(at: float) -> str:
    """`2023-08-24T05:01:45Z`"""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}"
