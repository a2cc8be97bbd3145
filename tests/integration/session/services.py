"""Whole session services on a database, with a scripted agent and a notifier that keeps what it is given."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from parley.channel.v1 import channel_pb2
from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley.session.v1 import (
    clock_service_pb2_grpc,
    dead_letter_service_pb2_grpc,
    number_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_chassis.grpc_server import grpc_server
from parley_session.app import SessionService, running
from parley_session.settings import Settings
from tests.contract.session.scripted_agent import DEVELOPMENT

OURS = "+15550100"


@dataclass
class KeepingNotifier(notifier_service_pb2_grpc.NotifierServiceServicer):
    """`texts` are by thread and seq; a message that came twice counts once, as with the real one."""

    away: bool = False
    submissions: list[notifier_pb2.Submission] = field(default_factory=list)
    opt_outs: list[notifier_pb2.OptOut] = field(default_factory=list)

    async def Submit(self, request: notifier_pb2.SubmitRequest, context: Any) -> notifier_pb2.SubmitResponse:
        if self.away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        self.submissions += request.submissions
        self.opt_outs += request.opt_outs
        return notifier_pb2.SubmitResponse()

    async def ReportDeliveries(
        self, request: notifier_pb2.ReportDeliveriesRequest, context: Any
    ) -> notifier_pb2.ReportDeliveriesResponse:
        raise AssertionError("the session service reports nothing")

    @property
    def threads(self) -> dict[str, dict[int, str]]:
        """What each participant is to be sent, by seq."""
        found: dict[str, dict[int, str]] = {}
        for submission in self.submissions:
            found.setdefault(submission.participant, {})[submission.seq] = submission.text
        return found

    @property
    def texts(self) -> list[str]:
        return [submission.text for submission in self.submissions]


@asynccontextmanager
async def notifier_running(notifier: KeepingNotifier) -> AsyncIterator[str]:
    def add(server: grpc.aio.Server) -> list[str]:
        notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server(notifier, server)
        return []

    async with grpc_server("127.0.0.1:0", DEVELOPMENT, add) as address:
        yield address


@dataclass
class Client:
    """A session service, and a channel to it."""

    service: SessionService
    sessions: session_service_pb2_grpc.SessionServiceAsyncStub
    numbers: number_service_pb2_grpc.NumberServiceAsyncStub
    clock: clock_service_pb2_grpc.ClockServiceAsyncStub
    dead_letters: dead_letter_service_pb2_grpc.DeadLetterServiceAsyncStub
    _sources: itertools.count[int] = field(default_factory=itertools.count)

    async def send(self, participant: str, *texts: str) -> Sequence[session_pb2.ReceiveResult]:
        """Brings texts in one call."""
        return await self.receive(*(self.message(participant, text) for text in texts))

    def message(self, participant: str, text: str) -> session_pb2.InboundMessage:
        return session_pb2.InboundMessage(
            channel=channel_pb2.CHANNEL_SMS,
            endpoint=OURS,
            participant=participant,
            source_id=f"SM-{self.service.address}-{next(self._sources)}",
            text=text,
        )

    async def receive(self, *messages: session_pb2.InboundMessage) -> Sequence[session_pb2.ReceiveResult]:
        request = session_service_pb2.ReceiveMessagesRequest(messages=messages)
        return (await self.sessions.ReceiveMessages(request, timeout=10)).results


@dataclass(frozen=True)
class Surroundings:
    """What a session service needs."""

    database_url: str
    agents: Mapping[str, tuple[str, ...]]
    notifier: str


@asynccontextmanager
async def service_running(around: Surroundings, **overrides: object) -> AsyncIterator[Client]:
    fields: dict[str, object] = {
        "process": DEVELOPMENT,
        "listen": "127.0.0.1:0",
        "database_url": around.database_url,
        "database_connections": 4,
        "agents": around.agents,
        "notifier_address": (around.notifier,),
        "drain": 5.0,
    }
    settings = Settings.model_validate(fields | overrides)
    async with running(settings) as service, grpc.aio.insecure_channel(service.address) as channel:
        yield Client(
            service,
            session_service_pb2_grpc.SessionServiceStub(channel),
            number_service_pb2_grpc.NumberServiceStub(channel),
            clock_service_pb2_grpc.ClockServiceStub(channel),
            dead_letter_service_pb2_grpc.DeadLetterServiceStub(channel),
        )
