"""A client of the HTTP API that can send what no client would."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.gateway.peers import SessionPeer
from tests.integration.gateway.twilio_side import Reply, call, request

OUTBOUND = "/v1/outbound-sms"
TEXT = {"user_number": "+15550100", "message": "Your order is ready."}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    json: Any

    @property
    def detail(self) -> str:
        """Of a refusal, which says this and nothing else."""
        assert set(self.json) == {"detail"}
        return str(self.json["detail"])


@dataclass(frozen=True)
class SharedApi:
    """A gateway that several tests use, a fresh key that opens everything, and an empty session service."""

    url: str
    key: str
    sessions: SessionPeer


async def ask(
    url: str,
    path: str,
    body: Any = None,
    *,
    key: str = "",
    method: str = "",
    headers: Mapping[str, str | None] | None = None,
) -> Answer:
    """A GET, or a POST of `body` as JSON; bytes are sent as they are."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    method = method or ("GET" if body is None else "POST")
    own: dict[str, str | None] = {"Content-Type": "application/json" if content else None}
    if key:
        own["Authorization"] = f"Bearer {key}"
    return answer_of(await call(url, request(path, content, {**own, **(headers or {})}, method)))


def answer_of(reply: Reply) -> Answer:
    if reply.status == 204:
        assert (reply.body, reply.headers.get("content-type")) == ("", None), reply
        return Answer(reply.status, reply.headers, None)
    assert reply.headers["content-type"] == "application/json", reply
    return Answer(reply.status, reply.headers, json.loads(reply.body))
