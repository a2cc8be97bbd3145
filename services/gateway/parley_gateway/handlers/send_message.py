"""Sends what a person writes in a session, once for each Idempotency-Key."""

from __future__ import annotations

import uuid

from parley_chassis.telemetry import Telemetry
from parley_gateway.domain.caller import Caller
from parley_gateway.domain.request_id import request_id_of
from parley_gateway.handlers.find_session import FindSession
from parley_gateway.ports import SessionApi


class SendMessage:
    def __init__(self, sessions: SessionApi, find: FindSession, telemetry: Telemetry) -> None:
        self._sessions = sessions
        self._find = find
        self._telemetry = telemetry

    async def __call__(
        self, caller: Caller, session_id: str, text: str, idempotency_key: str, *, at_most_once: bool = False
    ) -> str:
        """The id of the message. `idempotency_key` empty: the call is unlike any other."""
        await self._find.require(caller, session_id)
        request_id = request_id_of(caller.key_id, idempotency_key) if idempotency_key else uuid.uuid4().hex
        with self._telemetry.span("gateway.send_message", self._telemetry.new_trace()) as traceparent:
            return await self._sessions.send_message(
                request_id, session_id, text, traceparent, at_most_once=at_most_once
            )
