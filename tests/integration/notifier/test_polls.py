"""Callbacks that are lost: Twilio is asked what became of its messages, at each age once, and never too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice

import pytest

from parley_notifier.adapters.postgres.polls import PostgresPolls
from parley_notifier.domain.polls import Window, id_at
from parley_notifier.handlers.poll_statuses import ASKED_AT_ONCE, TRIES
from parley_session.adapters.ids import new_id
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import Notifier, Rows, Start, Text, Thread, eventually
from tests.integration.notifier.peers import SessionPeer
from tests.integration.notifier.processes import process_on

SOON = {"status_ages": (0.3,), "status_poll": 0.05}
FETCH = "messages.fetch"
POPULATION = """
WITH lane AS (
  INSERT INTO notifier.lanes (thread_id, sender, participant, next_seq) VALUES (gen_random_uuid(), '+1', '+2', 1000)
  RETURNING thread_id
)
INSERT INTO notifier.deliveries (id, thread_id, seq, text, segments, state, canceled, attempt, owner, started_time,
  due_time, sid, status, error_code, traceparent, create_time)
SELECT i.id::uuid, thread_id, n, '', 1, 'accepted', false, 1, 'x', now(), NULL, i.sid, i.status, 0, '', now()
FROM lane, unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY i(id, sid, status, n)
"""


def sid(number: int) -> str:
    return f"SM{number:032x}"


async def populate(rows: Rows, count: int, statuses: Sequence[str] = ("sent",)) -> list[str]:
    """Deliveries of a minute ago, reported to stand so by turns, that Twilio has forgotten; their sids, in order."""
    stamp = time.time() - 60.0
    ids = [id_at(stamp + number / 1000) for number in range(count)]
    sids = [sid(number) for number in range(count)]
    await rows.connection.execute(POPULATION, (ids, sids, list(islice(cycle(statuses), count))))
    return sids


async def polled_since(rows: Rows, age: float, ago: float = 300.0, *, lease: str = "0") -> None:
    """As if a process that is gone had asked last so long ago."""
    await rows.connection.execute(
        "INSERT INTO notifier.polls (age_seconds, polled_id, owner, lease_until) "
        "VALUES (%s, %s, 'dead', now() + %s::interval)",
        (age, id_at(time.time() - ago), lease),
    )


def asked(simulator: Simulator) -> list[str]:
    """The sids that were asked about, in order."""
    return [call.path.rpartition("/")[2].removesuffix(".json") for call in simulator.calls(FETCH)]


async def sent(notifier: Notifier, session: SessionPeer, *texts: Text) -> None:
    await notifier.submit(*texts)
    await session.wait_for("ACCEPTED", *(text.message_id for text in texts))


def text_of(thread: Thread) -> Text:
    return thread.text(message_id=new_id())


async def test_what_no_callback_told_is_found_out(
    start: Start, session: SessionPeer, simulator: Simulator, thread: Thread, rows: Rows
) -> None:
    async with start(**SOON) as notifier:
        text = text_of(thread)
        await sent(notifier, session, text)
        await session.wait_for("DELIVERED", text.message_id)
    assert await rows.all("SELECT status FROM notifier.reports") == [("delivered",)]
    assert asked(simulator) == [session.last(text.message_id).source_id]


async def test_a_failure_is_found_out_with_its_code(
    start: Start, session: SessionPeer, simulator: Simulator, thread: Thread
) -> None:
    simulator.add_fault("fail", message_status="undelivered", code=30003)
    async with start(**SOON) as notifier:
        text = text_of(thread)
        await sent(notifier, session, text)
        await session.wait_for("UNDELIVERED", text.message_id)
    assert session.last(text.message_id).error_code == 30003


async def test_a_message_that_stands_still_is_asked_about_once_at_each_age(
    start: Start, session: SessionPeer, simulator: Simulator, thread: Thread, rows: Rows
) -> None:
    simulator.add_fault("stall")
    async with start(status_ages=(0.3, 0.5, 0.7), status_poll=0.05) as notifier:
        text = text_of(thread)
        await sent(notifier, session, text)
        end = id_at(time.time() + 0.1)
        query = "SELECT count(*) = 3 AND min(polled_id::text) > %s FROM notifier.polls"
        await eventually(lambda: rows.one(query, end))
        simulator.move(session.last(text.message_id).source_id, "delivered")
    assert len(asked(simulator)) == 3
    assert session.states(text.message_id) == ["ACCEPTED"]
    assert await rows.one("SELECT count(*) FROM notifier.reports") <= 1


async def test_what_was_reported_is_not_asked_about(start: Start, simulator: Simulator, rows: Rows) -> None:
    sids = await populate(rows, 7, ("delivered", "undelivered", "failed", "canceled", "read", "sending", ""))
    await polled_since(rows, 0.3)
    async with start(**SOON):
        await eventually(lambda: rows.one("SELECT polled_id > %s::uuid FROM notifier.polls", id_at(time.time() - 5)))
    assert asked(simulator) == sids[5:]


async def test_a_refusal_is_waited_out_and_loses_nothing(
    start: Start, session: SessionPeer, simulator: Simulator, thread: Thread, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.add_fault("rate_limit", operation=FETCH, count=2)
    simulator.add_fault("error", operation=FETCH, count=1)
    async with start(**SOON) as notifier:
        text = text_of(thread)
        await sent(notifier, session, text)
        await session.wait_for("DELIVERED", text.message_id)
    assert len(asked(simulator)) == 4
    assert caplog.messages.count("poll_statuses_failed") == 1


async def test_a_message_that_cannot_be_read_does_not_hold_up_the_others(
    start: Start, session: SessionPeer, simulator: Simulator, new_thread: Callable[[], Thread], rows: Rows
) -> None:
    threads = [new_thread() for _ in range(3)]
    simulator.add_fault("error", operation=FETCH, count=None, participant=threads[0].participant)
    async with start(**SOON) as notifier:
        texts = [text_of(thread) for thread in threads]
        await sent(notifier, session, *texts)
        await session.wait_for("DELIVERED", *(text.message_id for text in texts[1:]))
        query = "SELECT polled_id > %s::uuid FROM notifier.polls"
        await eventually(lambda: rows.one(query, texts[0].message_id), timeout=30.0)
        tried = asked(simulator).count(session.last(texts[0].message_id).source_id)
    assert tried >= TRIES


async def test_few_are_asked_about_at_once(start: Start, simulator: Simulator, rows: Rows) -> None:
    sids = await populate(rows, 30)
    await polled_since(rows, 0.3)
    hold = simulator.place_hold(operation=FETCH, count=None)
    async with start(**SOON | {"read_timeout": 10, "send_timeout": 12, "margin": 13, "lease": 30, "settle": 60}):
        await hold.wait(ASKED_AT_ONCE)
        assert asked(simulator) == sids[:ASKED_AT_ONCE]
        hold.count = 0
        hold.release()
        await simulator.wait_until(lambda: asked(simulator)[len(sids) - 1 :] or None)
    assert sorted(asked(simulator)) == sids


async def test_two_processes_ask_about_each_message_once(start: Start, simulator: Simulator, rows: Rows) -> None:
    sids = await populate(rows, 450)
    await polled_since(rows, 0.3)
    async with start(**SOON), start(**SOON):
        await simulator.wait_until(lambda: len(asked(simulator)) >= len(sids) or None, 60.0)
        await eventually(lambda: rows.one("SELECT polled_id > %s::uuid FROM notifier.polls", id_at(time.time() - 5)))
    assert sorted(asked(simulator)) == sids


async def test_the_lease_of_a_dead_process_is_waited_for(start: Start, simulator: Simulator, rows: Rows) -> None:
    sids = await populate(rows, 3)
    await polled_since(rows, 0.3, lease="1 h")
    async with start(status_ages=(0.3, 3600.0), status_poll=0.05):
        query = "SELECT count(*) = 1 FROM notifier.polls WHERE age_seconds = 3600 AND polled_id IS NOT NULL"
        await eventually(lambda: rows.one(query))
        assert asked(simulator) == []
        await rows.connection.execute("UPDATE notifier.polls SET lease_until = now()")
        await simulator.wait_until(lambda: len(asked(simulator)) >= len(sids) or None)


async def test_a_stop_gives_the_lease_back_and_what_was_not_asked_is_asked_by_the_next(
    start: Start, simulator: Simulator, rows: Rows
) -> None:
    sids = await populate(rows, 20)
    await polled_since(rows, 0.3)
    hold = simulator.place_hold(operation=FETCH, count=None)
    async with start(**SOON | {"read_timeout": 10, "send_timeout": 12, "margin": 13, "lease": 30, "settle": 60}):
        await hold.wait(ASKED_AT_ONCE)
    assert await rows.one("SELECT lease_until <= now() FROM notifier.polls")
    hold.count = 0
    async with start(**SOON):
        await simulator.wait_until(lambda: set(asked(simulator)) == set(sids) or None)


async def test_a_stretch_is_bounded_and_the_next_goes_on_behind_it(database: FreshDatabase, rows: Rows) -> None:
    sids = await populate(rows, 10)
    window = Window(id_at(time.time() - 300), id_at(time.time()))
    async with process_on(database.notifier_url) as process:
        polls = PostgresPolls(process.store._database)
        first = await polls.read_unreported(window, looked_at=4, limit=100)
        assert [item.sid for item in first.unreported] == sids[:4]
        assert (first.is_whole, first.end(window)) == (False, first.unreported[-1].delivery_id)
        second = await polls.read_unreported(Window(first.end(window), window.before), looked_at=100, limit=3)
        assert [item.sid for item in second.unreported] == sids[4:7]
        assert second.end(window) == second.unreported[-1].delivery_id
        rest = await polls.read_unreported(Window(second.end(window), window.before), looked_at=100, limit=100)
        assert [item.sid for item in rest.unreported] == sids[7:]
        assert rest.end(window) == window.before


async def test_a_lease_belongs_to_one(database: FreshDatabase) -> None:
    async with process_on(database.notifier_url) as process:
        polls = PostgresPolls(process.store._database)
        poll = await polls.take_poll(900.0, "a", 60.0)
        assert poll is not None
        assert poll.polled_id == ""
        assert await polls.take_poll(900.0, "b", 60.0) is None
        assert await polls.take_poll(3600.0, "b", 60.0), "another age is another's"
        assert await polls.take_poll(900.0, "a", 60.0), "its own it takes again"
        assert await polls.keep_poll(900.0, "a", 60.0)
        assert not await polls.keep_poll(900.0, "b", 60.0)
        await polls.end_poll(900.0, "b", id_at(1.0))
        assert await polls.take_poll(900.0, "b", 60.0) is None
        await polls.end_poll(900.0, "a", id_at(2.0))
        taken = await polls.take_poll(900.0, "b", 60.0)
        assert taken is not None
        assert taken.polled_id == id_at(2.0)
