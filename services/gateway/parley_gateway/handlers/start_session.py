"""Opens a session with a text of ours, once for each Idempotency-Key."""

from __future__ import annotations

import uuid

from parley_chassis.errors import InvalidArgument, NotFound
from parley_chassis.telemetry import Telemetry
from parley_gateway.domain.api_fields import AGENT_NAME, missing
from parley_gateway.domain.caller import Caller
from parley_gateway.domain.records import OutboundText, Started
from parley_gateway.domain.request_id import request_id_of
from parley_gateway.errors import NotAllowed
from parley_gateway.ports import SessionApi


class StartSession:
    def __init__(self, sessions: SessionApi, telemetry: Telemetry) -> None:
        self._sessions = sessions
        self._telemetry = telemetry

    async def __call__(self, caller: Caller, outbound: OutboundText, idempotency_key: str) -> Started:
        """`outbound.agent` is checked here; `idempotency_key` empty: the call is unlike any other."""
        _require_agent(caller, outbound.agent)
        request_id = request_id_of(caller.key_id, idempotency_key) if idempotency_key else uuid.uuid4().hex
        with self._telemetry.span("gateway.start_session", self._telemetry.new_trace()) as traceparent:
            return await self._sessions.start_session(request_id, outbound, traceparent)


def _require_agent(caller: Caller, agent: str) -> None:
    if not agent:
        raise InvalidArgument(missing("X-TOKEN-ID"), field="X-TOKEN-ID")
    if not caller.sees(agent):
        raise NotAllowed("the key is not for this agent")
    if not AGENT_NAME.fullmatch(agent):
        raise NotFound("no agent has this name", reason="NO_AGENT", field="X-TOKEN-ID")
