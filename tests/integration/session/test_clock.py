"""The clock of people's deadlines: it is skipped for all replicas, and no row is aged; nothing else goes by it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from parley_session.adapters.postgres.clock import PostgresClock
from parley_session.domain.events import Receive
from parley_session.domain.thread import EndReason
from parley_session.handlers.receive_messages import Incoming, Outcome
from parley_session.ports import ThreadKey
from tests.integration.session.asking import REASONS, talk
from tests.integration.session.replica import Replica, Rows, answer, incoming
from tests.integration.session.silence import DAY, GRACE, HOUR, MINUTE, is_about, left, warnings

CHAT = ThreadKey(2, "echo", "visitor-1")


async def test_time_is_skipped_for_all_and_no_row_is_aged(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    before = await rows.all("SELECT (SELECT s FROM session.sessions s)::text, (SELECT t FROM session.threads t)::text")
    first = await clock.skip(HOUR)
    second = await clock.skip(DAY)
    assert is_about(second - first, DAY) or second - first > DAY
    assert (
        await rows.all("SELECT (SELECT s FROM session.sessions s)::text, (SELECT t FROM session.threads t)::text")
        == before
    )
    assert (await other.time_out()).decided == 1


async def test_skipping_nothing_tells_the_time(rows: Rows, clock: PostgresClock) -> None:
    await clock.skip(DAY)
    told = await clock.skip(timedelta(0))
    now = await rows.one("SELECT session.now()")
    assert abs(now - told) < MINUTE  # type: ignore[operator]
    assert is_about(await rows.one("SELECT session.now() - clock_timestamp()"), DAY)  # type: ignore[arg-type]


async def test_skips_that_meet_add_up(rows: Rows, clock: PostgresClock) -> None:
    await asyncio.gather(*(clock.skip(HOUR) for _ in range(4)))
    assert await rows.one("SELECT ahead FROM session.clock") == 4 * HOUR


async def test_leases_and_pauses_are_not_skipped(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    await replica.receive(incoming("S2", "more"))
    await clock.skip(100 * DAY)
    assert not await other.claim()
    assert other.started == []
    assert await other.store.take_unsubmitted(10) == []


async def test_a_chat_is_warned_and_ended_without_anybodys_word(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await rows.all("INSERT INTO session.agents (name, version, settings) VALUES ('echo', '1', '{}')")
    (received,) = await replica.receive(Incoming(CHAT, Receive("W1", "hello")))
    assert received.outcome is Outcome.ACCEPTED
    await replica.commit(answer(replica.last, "hi"))
    await clock.skip(DAY)
    await replica.time_out()
    assert len(await warnings(rows)) == 1
    assert is_about(await left(rows, CHAT.participant), GRACE)
    await clock.skip(GRACE)
    assert (await replica.time_out()).decided == 1
    assert await rows.all(REASONS) == [(EndReason.INACTIVE,)]
    assert replica.handed_over == [], "a chat has no deliveries"
    assert await rows.one("SELECT count(*) FROM session.outbox") == 0
