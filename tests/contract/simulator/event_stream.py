"""Reads server-sent events as a browser does: fields by line, an event at each empty line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Event:
    kind: str
    data: Any
    id: str


class EventStream:
    """Keeps all that came in `seen`; `last_id` is what a browser would resume with."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.seen: list[Event] = []
        self.last_id = ""

    async def next(self, timeout: float = 30.0) -> Event | None:
        """None when the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(timeout):
            while line := (await self._response.content.readline()).decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    self.last_id = fields.get("id", self.last_id)
                    event = Event(fields["event"], json.loads(fields["data"]), self.last_id)
                    self.seen.append(event)
                    return event
                else:
                    fields = {}
        return None

    async def until(self, fits: Callable[[Event], bool]) -> Event:
        while (event := await self.next()) is not None:
            if fits(event):
                return event
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def listening_to(control_url: str, last_event_id: str = "") -> AsyncIterator[EventStream]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with aiohttp.ClientSession(control_url) as http, http.get("/phone/stream", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield EventStream(response)
