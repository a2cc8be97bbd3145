"""What stands around a notifier in these tests: a session service that writes down what it is told, and a Twilio
whose list of messages holds what a test puts there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import grpc
from aiohttp import web
from google.protobuf.timestamp_pb2 import Timestamp

from parley.session.v1 import (
    number_pb2,
    number_service_pb2,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings

DeliveryState = session_pb2.DeliveryState


class SessionPeer(session_service_pb2_grpc.SessionServiceServicer):  # the other calls answer UNIMPLEMENTED
    """Takes records, or refuses them with `refusal` while it is set. Takes texts, and has sessions due, as told."""

    def __init__(self) -> None:
        self.address = ""
        self.records: list[session_pb2.DeliveryRecord] = []
        self.refusal: grpc.StatusCode | None = None
        self.refused_messages: set[str] = set()
        self.refusals = 0
        self.time_outs: list[session_service_pb2.TimeOutSessionsRequest] = []
        self.nows: list[float] = []
        """What each of them was answered as `now`."""
        self.due = 0
        """Sessions that are due."""
        self.awaited: float | None = None
        """Sessions wait for this coverage."""
        self.time_out_refusal: grpc.StatusCode | None = None
        self.received: list[session_pb2.InboundMessage] = []
        self.batches: list[int] = []
        """How many texts each call brought."""
        self.outcomes: dict[str, session_pb2.ReceiveResult.Outcome.ValueType] = {}
        """By source_id; without one a text is taken, or known."""
        self.room: int | None = None
        """After so many calls of ReceiveMessages the next is refused."""
        self.register = RegisterPeer()  # type: ignore[abstract]
        self._changed = asyncio.Condition()

    async def RecordDeliveries(
        self, request: session_service_pb2.RecordDeliveriesRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> session_service_pb2.RecordDeliveriesResponse:
        async with self._changed:
            bad = any(record.message_id in self.refused_messages for record in request.records)
            refusal = self.refusal or (grpc.StatusCode.INVALID_ARGUMENT if bad else None)
            if refusal is None:
                self.records += request.records
            else:
                self.refusals += 1
            self._changed.notify_all()
        if refusal is not None:
            await context.abort(refusal, "not now")
        return session_service_pb2.RecordDeliveriesResponse()

    async def TimeOutSessions(
        self, request: session_service_pb2.TimeOutSessionsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> session_service_pb2.TimeOutSessionsResponse:
        async with self._changed:
            now = time.time()
            self.time_outs.append(request)
            self.nows.append(now)
            decided = min(self.due, request.limit)
            self.due -= decided
            self._changed.notify_all()
        if self.time_out_refusal is not None:
            await context.abort(self.time_out_refusal, "not now")
        answer = session_service_pb2.TimeOutSessionsResponse(decided=decided, now=timestamp(now))
        if self.awaited is not None and seconds(request.covered_time) < self.awaited:
            answer.awaited_coverage.CopyFrom(timestamp(self.awaited))
        return answer

    async def ReceiveMessages(
        self, request: session_service_pb2.ReceiveMessagesRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> session_service_pb2.ReceiveMessagesResponse:
        async with self._changed:
            is_refused = self.room is not None and len(self.batches) >= self.room
            known = {message.source_id for message in self.received}
            if not is_refused:
                self.batches.append(len(request.messages))
                self.received += request.messages
            self._changed.notify_all()
        if is_refused:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        usual = (session_pb2.ReceiveResult.OUTCOME_ACCEPTED, session_pb2.ReceiveResult.OUTCOME_DUPLICATE)
        outcomes = [self.outcomes.get(m.source_id, usual[m.source_id in known]) for m in request.messages]
        return session_service_pb2.ReceiveMessagesResponse(
            results=[session_pb2.ReceiveResult(outcome=outcome) for outcome in outcomes]
        )

    @property
    def covered_times(self) -> list[float]:
        """The coverages that were told, each once."""
        told = [seconds(request.covered_time) for request in self.time_outs if request.HasField("covered_time")]
        return sorted(set(told))

    def texts(self) -> list[str]:
        return [message.text for message in self.received]

    def states(self, message_id: str) -> list[str]:
        """What was told of the message, in order, repeats left out."""
        told = [_name(record.state) for record in self.records if record.message_id == message_id]
        return [state for index, state in enumerate(told) if index == 0 or state != told[index - 1]]

    def last(self, message_id: str) -> session_pb2.DeliveryRecord:
        return next(record for record in reversed(self.records) if record.message_id == message_id)

    async def wait_for(self, state: str, *message_ids: str, timeout: float = 10.0) -> None:
        """Returns when each of the messages has been told to be in `state`."""
        await self.wait_until(lambda: all(state in self.states(message_id) for message_id in message_ids), timeout)

    async def wait_until(self, check: Callable[[], bool], timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(check)


class RegisterPeer(number_service_pb2_grpc.NumberServiceServicer):  # the other calls answer UNIMPLEMENTED
    """A register of numbers; lists two at once."""

    def __init__(self) -> None:
        self.numbers: dict[str, number_pb2.Number] = {}
        self.asked: list[number_service_pb2.ListNumbersRequest] = []
        self.refusal: grpc.StatusCode | None = None
        self._changed = asyncio.Condition()

    def set(self, number: str, at: float | None = None, **fields: Any) -> None:
        """Registers or changes a number, now or `at` a time."""
        self.numbers[number] = number_pb2.Number(number=number, update_time=timestamp(at or time.time()), **fields)

    async def ListNumbers(
        self, request: number_service_pb2.ListNumbersRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> number_service_pb2.ListNumbersResponse:
        since = seconds(request.updated_since)
        found = [self.numbers[name] for name in sorted(self.numbers)]
        found = [item for item in found if seconds(item.update_time) >= since and item.number > request.page_token]
        async with self._changed:
            self.asked.append(request)
            self._changed.notify_all()
        if self.refusal is not None:
            await context.abort(self.refusal, "not now")
        more = found[1].number if len(found) > 2 else ""
        return number_service_pb2.ListNumbersResponse(numbers=found[:2], next_page_token=more)

    async def wait_for_looks(self, count: int, timeout: float = 30.0) -> None:
        """Returns when the list has been asked for `count` times more."""
        wanted = len(self.asked) + count
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= wanted)


def _name(state: int) -> str:
    return DeliveryState.Name(state).removeprefix("DELIVERY_STATE_")  # type: ignore[arg-type]


def timestamp(time: float) -> Timestamp:
    whole, nanos = divmod(round(time * 1e6) * 1000, 10**9)
    return Timestamp(seconds=whole, nanos=nanos)


def seconds(time: Timestamp) -> float:
    return (time.seconds * 1_000_000 + time.nanos // 1000) / 1e6


@asynccontextmanager
async def session_peer(process: ProcessSettings, listen: str = "127.0.0.1:0") -> AsyncIterator[SessionPeer]:
    peer = SessionPeer()  # type: ignore[abstract]

    def add(server: grpc.aio.Server) -> list[str]:
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(peer, server)
        number_service_pb2_grpc.add_NumberServiceServicer_to_server(peer.register, server)
        return [
            session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name,
            number_service_pb2.DESCRIPTOR.services_by_name["NumberService"].full_name,
        ]

    async with grpc_server(listen, process, add) as peer.address:
        yield peer


class TwilioPeer:
    """Lists messages, newest first, of whatever age; sends nothing."""

    def __init__(self) -> None:
        self.url = ""
        self.page_size = 1000
        """At most."""
        self.asked: list[float] = []
        """When the first page was asked for."""
        self.failing_page: int | None = None
        """The one, counted from 0, that is answered 500."""
        self.answering = asyncio.Event()
        """Lists are answered while it is set."""
        self.answering.set()
        self._messages: list[dict[str, object]] = []
        self._changed = asyncio.Condition()

    def text(
        self,
        text: str,
        ago: float = 0.0,
        *,
        direction: str = "inbound",
        sender: str = "+15550100001",
        **fields: object,
    ) -> str:
        """A message that came `ago` seconds ago. Returns its sid."""
        sid = f"SM{len(self._messages):032x}"
        date = format_datetime(datetime.fromtimestamp(int(time.time() - ago), UTC))
        usual = {"sid": sid, "direction": direction, "status": "received", "body": text, "num_media": "0"}
        parties = {"from": sender, "to": "+15550001111", "date_created": date, "date_sent": date}
        self._messages.append({**usual, **parties, **fields})
        return sid

    async def wait_for_lists(self, count: int, timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= count)

    async def list_messages(self, request: web.Request) -> web.Response:
        place = int(request.query.get("Page", "0"))
        async with self._changed:
            self.asked += [time.time()] if place == 0 else []
            self._changed.notify_all()
        await self.answering.wait()
        if place == self.failing_page:
            return web.json_response({"code": 20500}, status=500)
        size = min(int(request.query["PageSize"]), self.page_size)
        newest_first = self._messages[::-1]
        newest_first.sort(key=_date, reverse=True)
        rest = newest_first[place * size :]
        more = f"{request.path}?PageSize={size}&Page={place + 1}&PageToken=PA" if len(rest) > size else None
        return web.json_response({"messages": rest[:size], "next_page_uri": more})


def _date(message: dict[str, object]) -> float:
    return datetime.strptime(str(message["date_created"]), "%a, %d %b %Y %H:%M:%S %z").timestamp()


@asynccontextmanager
async def twilio_peer() -> AsyncIterator[TwilioPeer]:
    peer = TwilioPeer()
    application = web.Application()
    application.router.add_get("/2010-04-01/Accounts/{account}/Messages.json", peer.list_messages)
    runner = web.AppRunner(application, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        peer.url = f"http://{host}:{port}"
        yield peer
    finally:
        await runner.cleanup()
