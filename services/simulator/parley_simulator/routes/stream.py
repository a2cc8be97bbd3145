"""What the phone page shows, as it changes: server-sent events, resumed where the page left off.

`state` is everything that is small (numbers, faults, what may be done); `message` and `trace` are one each, whole,
whenever they change; `forget` is a new beginning.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from parley_simulator.domain.journal import Journal, Station, Subject
from parley_simulator.domain.messages import Message
from parley_simulator.domain.numbers import friendly
from parley_simulator.routes.control_views import fault_view, message_view
from parley_simulator.simulator import Simulator

STILL_HERE = 15.0
"""Seconds without an event after which a line says that the stream stands."""
RETRY = "retry: 500\n\n"


class Stream:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._journal: Journal = simulator.world.journal
        # Revisions of a simulator that ran before mean nothing here.
        self._boot = secrets.token_hex(4)

    async def open(self, request: Request) -> Response:
        """`Last-Event-ID`: only what changed since that event; without it, or with a foreign one, everything."""
        life, _, revision = request.headers.get("last-event-id", "").rpartition(".")
        seen = int(revision) if life == self._life and revision.isascii() and revision.isdigit() else None
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._events(seen), media_type="text/event-stream", headers=headers)

    @property
    def _life(self) -> str:
        return f"{self._boot}-{self._journal.lives}"

    async def _events(self, resumed: int | None) -> AsyncIterator[str]:
        life, seen, state = self._life if resumed is not None else "", resumed or 0, ""
        yield RETRY
        while not self._simulator.closing:
            events = []
            if life != self._life:
                life, seen, state = self._life, 0, ""
                events.append(_event("forget", {}, f"{life}.0"))
            if (now := json.dumps(self._state())) != state:
                state = now
                events.append(f"event: state\ndata: {now}\n\n")
            for revision, subject, name in self._journal.since(seen):
                if (view := self._view(subject, name)) is not None:
                    events.append(_event(subject, view, f"{life}.{revision}"))
            # The newest number may be that of something forgotten since, which nobody tells any more.
            seen = self._journal.revision
            if events:
                yield "".join(events)
            elif not await self._changed(life, seen, state):
                yield ": still here\n\n"

    async def _changed(self, life: str, seen: int, state: str) -> bool:
        def look() -> bool | None:
            changed = (
                self._simulator.closing
                or life != self._life
                or seen != self._journal.revision
                or json.dumps(self._state()) != state
            )
            return changed or None

        try:
            return await self._simulator.wait_until(look, STILL_HERE)
        except TimeoutError:
            return False

    def _state(self) -> dict[str, Any]:
        simulator = self._simulator
        return {
            "numbers": [
                {
                    "phone_number": number.phone_number,
                    "name": "" if number.friendly_name == friendly(number.phone_number) else number.friendly_name,
                    "answers": bool(number.sms_url),
                }
                for number in simulator.world.numbers
            ],
            "faults": [fault_view(fault) for fault in simulator.world.faults],
            "skip": {
                "offered": simulator.skip_time.offered,
                "done": [asdict(done) for done in simulator.skip_time.skips],
            },
            "end_agent": {"offered": simulator.end_agent.offered, "armed": simulator.end_agent.armed},
        }

    def _view(self, subject: Subject, name: str) -> dict[str, Any] | None:
        if subject is Subject.TRACE:
            return {"id": name, "spans": [_station(span) for span in self._journal.spans(name)]}
        message = self._simulator.world.log.get(name)
        return None if message is None else self._message(message)

    def _message(self, message: Message) -> dict[str, Any]:
        callback = message.status_callback
        return {
            **message_view(message),
            "at": message.created,
            "trace": self._journal.trace_of(message.sid, callback),
            "stations": [_station(station) for station in self._journal.stations(callback, message.sid)],
        }


def _station(station: Station) -> dict[str, Any]:
    return asdict(station)


def _event(kind: str, data: dict[str, Any], number: str) -> str:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
