"""The session rules on web chat: those of text messages, without deliveries, keywords and numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2
from parley.channel.v1 import channel_pb2
from parley.session.v1 import clock_service_pb2, clock_service_pb2_grpc, session_pb2, session_service_pb2
from parley_chassis.settings import ProcessSettings
from tests.contract.session.scripted_agent import ScriptedAgent, agent_running
from tests.databases import FreshDatabase
from tests.integration.session.replica import Rows
from tests.integration.session.services import (
    Client,
    KeepingNotifier,
    Surroundings,
    notifier_running,
    service_running,
)
from tests.integration.session.watching import Watcher, watching

Result, Session, Message = session_pb2.ReceiveResult, session_pb2.Session, session_pb2.Message
DAY, GRACE = 24 * 3600, 600
TEST_CLOCK = ProcessSettings(insecure_dev=True, test_clock=True)


@dataclass
class Page:
    """A web page's backend, and the timeout job that looks after its visitors."""

    client: Client
    clock: clock_service_pb2_grpc.ClockServiceAsyncStub
    agent: ScriptedAgent
    notifier: KeepingNotifier
    sources: count[int]

    async def write(self, *texts: str, visitor: str = "visitor", agent: str = "helper") -> list[int]:
        """What became of each."""
        return [
            (
                await self.client.receive(
                    session_pb2.InboundMessage(
                        channel=channel_pb2.CHANNEL_WEB_CHAT,
                        endpoint=agent,
                        participant=visitor,
                        source_id=f"chat-{next(self.sources)}",
                        text=text,
                    )
                )
            )[0].outcome
            for text in texts
        ]

    async def session(self, visitor: str = "visitor") -> session_pb2.Session:
        """The newest."""
        request = session_service_pb2.ListSessionsRequest(page_size=1, participant=visitor)
        return (await self.client.sessions.ListSessions(request)).sessions[0]

    @asynccontextmanager
    async def watching(self, visitor: str = "visitor") -> AsyncIterator[Watcher]:
        async with watching(self.client.sessions, (await self.session(visitor)).session_id) as watcher:
            yield watcher

    async def skip(self, seconds: int) -> None:
        await self.clock.SkipTime(clock_service_pb2.SkipTimeRequest(duration=Duration(seconds=seconds)))

    async def time_out(self) -> int:
        """As the timeout job does while the provider's list is away: nothing is covered."""
        request = session_service_pb2.TimeOutSessionsRequest(limit=100)
        return (await self.client.sessions.TimeOutSessions(request)).decided


@pytest.fixture
async def page(database: FreshDatabase) -> AsyncIterator[Page]:
    agent, notifier = ScriptedAgent(settings=agent_pb2.AgentSettings(closing_text="Bye.")), KeepingNotifier()
    async with agent_running(agent) as address, notifier_running(notifier) as notifier_address:
        around = Surroundings(database.session_url, {"*": (address,)}, notifier_address)
        async with (
            service_running(around, process=TEST_CLOCK) as client,
            grpc.aio.insecure_channel(client.service.address) as channel,
        ):
            yield Page(client, clock_service_pb2_grpc.ClockServiceStub(channel), agent, notifier, count())


async def test_a_visitor_is_answered_and_nothing_goes_to_the_notifier(page: Page, rows: Rows) -> None:
    assert await page.write("hello") == [Result.OUTCOME_ACCEPTED]
    async with page.watching() as watcher:
        await watcher.until(lambda w: w.texts == ["hello", "echo hello"])
    assert watcher.states == [session_pb2.DELIVERY_STATE_UNSPECIFIED] * 2
    assert [message.seq for message in watcher.transcript] == [0, 1]
    assert page.agent.requests[0].channel == channel_pb2.CHANNEL_WEB_CHAT
    assert page.agent.requests[0].caller_number == "visitor"
    assert page.agent.requests[0].callee_number == "helper"
    assert await rows.one("SELECT count(*) FROM session.outbox") == 0
    assert page.notifier.submissions == []


async def test_a_long_reply_stays_one_message(page: Page) -> None:
    await page.write("x" * 5000)
    async with page.watching() as watcher:
        await watcher.until(lambda w: w.texts[1:] == ["echo " + "x" * 5000])


async def test_keywords_are_ordinary_texts(page: Page, rows: Rows) -> None:
    for text in ("STOP", "START", "HELP"):
        assert await page.write(text) == [Result.OUTCOME_ACCEPTED]
        async with page.watching() as watcher:
            await watcher.until(lambda w, text=text: w.texts[-1:] == [f"echo {text}"])  # type: ignore[misc]
    assert (await page.session()).state == Session.STATE_OPEN
    assert await rows.one("SELECT count(*) FROM session.opt_outs") == 0


async def test_the_limits_hold(page: Page) -> None:
    outcomes = await page.write(*(f"text {n}" for n in range(12)))
    assert outcomes == [Result.OUTCOME_ACCEPTED] * 10 + [Result.OUTCOME_IGNORED] * 2
    async with page.watching() as watcher:
        await watcher.until(lambda w: [m.ignore_reason for m in w.transcript].count("text_limit") == 2)


async def test_silence_is_warned_about_and_ends_the_session_without_the_provider(page: Page) -> None:
    await page.write("hello")
    async with page.watching() as watcher:
        await watcher.until(lambda w: len(w.texts) == 2)
        await page.skip(DAY)
        assert await page.time_out() == 1
        await watcher.until(lambda w: w.transcript[-1].kind == Message.KIND_WARNING)
        assert watcher.states[-1] == session_pb2.DELIVERY_STATE_UNSPECIFIED
        await page.skip(GRACE - 60)
        assert await page.time_out() == 0, "the grace began with the warning"
        assert (await page.session()).state == Session.STATE_OPEN
        await page.skip(61)
        assert await page.time_out() == 1
        await watcher.until(lambda w: w.session.state == Session.STATE_ENDED)
        await watcher.until(lambda w: w.texts[-1] == "Bye.")
    assert watcher.session.end_reason == Session.END_REASON_INACTIVE


async def test_a_reply_within_the_grace_keeps_the_session(page: Page) -> None:
    await page.write("hello")
    async with page.watching() as watcher:
        await watcher.until(lambda w: len(w.texts) == 2)
        await page.skip(DAY)
        await page.time_out()
        await watcher.until(lambda w: w.transcript[-1].kind == Message.KIND_WARNING)
        await page.skip(GRACE - 1)
        await page.write("still here")
        await watcher.until(lambda w: w.texts[-1] == "echo still here")
        await page.skip(2)
        await page.time_out()
        assert (await page.session()).state == Session.STATE_OPEN


async def test_people_take_over_and_write(page: Page) -> None:
    await page.write("hello")
    session_id = (await page.session()).session_id
    async with page.watching() as watcher:
        await watcher.until(lambda w: len(w.texts) == 2)
        await page.client.sessions.HandOffSession(session_service_pb2.HandOffSessionRequest(session_id=session_id))
        await page.write("a person, please")
        sent = session_service_pb2.SendMessageRequest(request_id="1", session_id=session_id, text="This is Kim.")
        await page.client.sessions.SendMessage(sent)
        await watcher.until(lambda w: w.texts[2:] == ["a person, please", "This is Kim."])
    assert watcher.states[-1] == session_pb2.DELIVERY_STATE_UNSPECIFIED
    assert len(page.agent.requests) == 1


async def test_visitors_who_name_an_agent_first_ask_what_it_is_together(page: Page) -> None:
    """No number points to it."""
    outcomes = await asyncio.gather(*(page.write("hello", visitor=f"visitor {n}") for n in range(10)))
    assert outcomes == [[Result.OUTCOME_ACCEPTED]] * 10
    assert len(page.agent.metadata) <= 2, "once for all of them, and perhaps once by the loop that looks after agents"


async def test_only_an_agent_that_was_never_described_has_to_be_there(page: Page, database: FreshDatabase) -> None:
    await page.write("hello")
    async with (
        agent_running(ScriptedAgent()) as address,
        notifier_running(KeepingNotifier()) as notifier,
        service_running(Surroundings(database.session_url, {"another": (address,)}, notifier)) as client,
    ):
        elsewhere = Page(client, page.clock, page.agent, page.notifier, count(1000))
        assert await elsewhere.write("hello", visitor="another") == [Result.OUTCOME_ACCEPTED]
        assert await elsewhere.write("hello", agent="nobody") == [Result.OUTCOME_UNKNOWN_NUMBER]
        assert await elsewhere.write("hello", agent="another") == [Result.OUTCOME_ACCEPTED]
