"""Turns in the database: claimed once, committed once, taken over with the same input when their process is gone."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from parley_session.adapters.ids import new_id
from parley_session.domain.decide import decide
from parley_session.domain.effects import MessageKind
from parley_session.domain.events import Context
from tests.databases import FreshDatabase
from tests.integration.session.replica import (
    Replica,
    Rows,
    absence,
    answer,
    failure,
    incoming,
    key,
    replica_running,
)

BRIEF = 0.05
"""Seconds of a lease that a test can outwait."""

EVERYTHING = """
SELECT (SELECT json_agg(t ORDER BY t.id) FROM session.threads t)::text,
  (SELECT json_agg(s ORDER BY s.id) FROM session.sessions s)::text,
  (SELECT json_agg(u ORDER BY u.id) FROM session.turns u)::text,
  (SELECT json_agg(m ORDER BY m.id) FROM session.messages m)::text,
  (SELECT json_agg(o ORDER BY o.message_id) FROM session.outbox o)::text
"""


def replies(replica: Replica) -> list[tuple[int, str]]:
    return [(submission.seq, submission.text) for submission in replica.handed_over]


async def test_an_answer_is_committed_with_its_state_and_handed_over(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1"))
    assert await replica.commit(answer(replica.last, "hello", "there", state='{"n": 1}')) == [True]
    assert replies(replica) == [(1, "hello"), (2, "there")]
    assert await rows.all("SELECT state, started FROM session.sessions") == [('{"n": 1}', True)]
    assert await rows.all("SELECT open, outcome, fence, attempt FROM session.turns") == [(False, 1, 1, 1)]
    stored = await rows.all("SELECT position, seq, delivery_state FROM session.messages WHERE direction = 2 ORDER BY 1")
    assert stored == [(2, 1, 1), (3, 2, 1)]


async def test_the_next_turn_knows_what_was_said(replica: Replica) -> None:
    await replica.receive(incoming("S1", "one"))
    await replica.commit(answer(replica.last, "1"))
    await replica.receive(incoming("S2", "two"))
    assert replica.last_texts == ["two"]
    assert replica.last_history == [(1, "one"), (2, "1")]


async def test_a_text_that_came_during_a_turn_is_answered_in_the_knowledge_of_its_reply(replica: Replica) -> None:
    await replica.receive(incoming("S1", "one"))
    await replica.receive(incoming("S2", "two"))
    await replica.commit(answer(replica.last, "1"))
    assert replica.last_texts == ["two"]
    assert replica.last_history == [(1, "one"), (2, "1")]


async def test_texts_that_wait_are_not_history_yet(replica: Replica, other: Replica) -> None:
    await replica.receive(incoming("S1", "one"))
    await replica.receive(incoming("S2", "two"))
    await replica.commit(answer(replica.last, "1"))
    await replica.receive(incoming("S3", "three"))
    await replica.commit(failure(replica.last))
    await other.claim_one()
    assert other.last_texts == ["two"]
    assert other.last_history == [(1, "one"), (2, "1")]


async def test_a_history_is_cut_to_the_newest_texts_of_the_session(replica: Replica) -> None:
    for number in range(15):
        await replica.receive(incoming(f"S{number}", f"text {number}"))
        await replica.commit(answer(replica.last, f"reply {number}", hang_up=number == 1))
        if number == 1:
            await replica.commit(answer(replica.last))
    assert len(replica.last_history) == 20
    assert replica.last_history[-1] == (2, "reply 13")
    assert replica.last_history[0] == (1, "text 4")


async def test_the_end_of_a_session_sees_the_whole_of_it_and_none_of_the_next(replica: Replica) -> None:
    await replica.receive(incoming("S1", "one"))
    await replica.receive(incoming("S2", "two"))
    await replica.commit(answer(replica.last, "bye", hang_up=True))
    assert replica.last_history == [(1, "one"), (2, "bye")]
    await replica.commit(answer(replica.last))
    assert (replica.last_texts, replica.last_history) == (["two"], [])


async def test_the_next_session_starts_with_an_empty_history_and_state(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1", "one"))
    await replica.commit(answer(replica.last, "bye", state='{"n": 1}', hang_up=True))
    await replica.commit(answer(replica.last))
    await replica.receive(incoming("S2", "two"))
    assert (replica.last_texts, replica.last_history) == (["two"], [])
    assert replica.last.session.state == ""
    assert await rows.all("SELECT end_reason, end_time > open_time FROM session.sessions ORDER BY id") == [
        (1, True),
        (None, None),
    ]


async def test_a_turn_is_claimed_by_one_of_two(replica: Replica, other: Replica) -> None:
    replica.free_slots = 0
    await replica.receive(*(incoming(f"S{n}", participant=f"+1666{n:07d}") for n in range(50)))
    replica.free_slots = 100
    await asyncio.gather(*(each.claim() for each in (replica, other) for _ in range(2)))
    turns = [run.turn.id for each in (replica, other) for run, _ in each.started]
    assert len(turns) == len(set(turns)) == 50


async def test_a_process_claims_no_more_than_it_can_run_and_the_oldest_first(replica: Replica, rows: Rows) -> None:
    replica.free_slots = 0
    await replica.receive(*(incoming(f"S{n}", str(n), participant=f"+1666{n:07d}") for n in range(10)))
    await rows.all(
        "UPDATE session.turns u SET wake_time = clock_timestamp() - make_interval(secs => m.text::int) "
        "FROM session.messages m WHERE m.thread_id = u.thread_id"
    )
    replica.free_slots = 3
    assert await replica.claim() is True
    assert sorted(run.texts[0].text for run, _ in replica.started) == ["7", "8", "9"]


async def test_a_lost_turn_is_taken_over_with_the_same_input(database: FreshDatabase, other: Replica) -> None:
    async with replica_running(database.session_url, lease=BRIEF) as dying:
        await dying.receive(incoming("S1", "one"), incoming("S2", "two"))
    await other.receive(incoming("S3", "three"))
    taken_over = await other.claim_one()
    assert taken_over.turn.id == dying.last.turn.id
    assert taken_over.texts == dying.last.texts
    assert (taken_over.turn.fence, taken_over.turn.attempt) == (2, 2)
    assert other.started[-1][1] == dying.started[-1][1]
    await other.commit(answer(taken_over, "1 and 2"))
    assert other.last_texts == ["three"]


async def test_the_late_result_of_a_lost_turn_changes_nothing(
    database: FreshDatabase, other: Replica, rows: Rows
) -> None:
    async with replica_running(database.session_url, lease=BRIEF) as slow:
        await slow.receive(incoming("S1"))
        taken_over = await other.claim_one()
        before = await rows.all(EVERYTHING)
        assert await slow.commit(answer(slow.last, "too late", hang_up=True)) == [False]
        assert await slow.commit(failure(slow.last), absence(slow.last)) == [False, False]
        assert await rows.all(EVERYTHING) == before
        assert slow.handed_over == []
    assert await other.commit(answer(taken_over, "in time")) == [True]


async def test_in_a_batch_a_late_result_does_not_spoil_the_others(
    database: FreshDatabase, other: Replica, rows: Rows
) -> None:
    async with replica_running(database.session_url, lease=BRIEF) as slow:
        await slow.receive(incoming("S1", participant="+16660000001"))
        await other.claim_one()
        slow.lease = 20.0
        await slow.receive(incoming("S2", participant="+16660000002"))
        results = [answer(run, "hello") for run, _ in slow.started]
        assert await slow.commit(*results) == [False, True]
    assert await rows.one("SELECT count(*) FROM session.messages WHERE direction = 2") == 1


async def test_a_renewed_lease_keeps_a_slow_turn(database: FreshDatabase, other: Replica, rows: Rows) -> None:
    async with replica_running(database.session_url, lease=BRIEF) as slow:
        await slow.receive(incoming("S1"))
        turn = slow.last.turn
        await slow.store.renew_leases([(turn.id, turn.fence)], 60.0)
        left = "SELECT extract(epoch FROM wake_time - clock_timestamp())::float FROM session.turns"
        assert 50 < float(str(await rows.one(left))) <= 60
        await other.claim()
        assert other.started == []
        assert await slow.commit(answer(slow.last, "at last")) == [True]


async def test_a_lease_that_was_lost_is_not_renewed(database: FreshDatabase, other: Replica, rows: Rows) -> None:
    async with replica_running(database.session_url, lease=BRIEF) as slow:
        await slow.receive(incoming("S1"))
        await other.claim_one()
        before = await rows.all(EVERYTHING)
        await slow.store.renew_leases([(slow.last.turn.id, slow.last.turn.fence)], 60.0)
        assert await rows.all(EVERYTHING) == before


async def test_a_turn_given_back_waits_for_its_moment(replica: Replica, other: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1"))
    await replica.commit(absence(replica.last))
    assert await rows.all("SELECT claimed, fence, attempt, away_since IS NOT NULL FROM session.turns") == [
        (False, 1, 0, True)
    ]
    taken = await other.claim_one()
    assert (taken.turn.fence, taken.turn.attempt) == (2, 1)


async def test_three_failures_send_the_fallback(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1"))
    run = replica.last
    for _ in range(2):
        await replica.commit(failure(run))
        run = await replica.claim_one()
    await replica.commit(failure(run))
    assert [text for _, text in replies(replica)] == ["Sorry, something went wrong. Please try again in a moment."]
    assert await rows.one("SELECT kind FROM session.messages WHERE direction = 2") == MessageKind.FALLBACK
    assert await rows.one("SELECT outcome FROM session.turns") == 2


async def test_a_flood_of_texts_moves_whole_to_the_next_session(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S", "bye"))
    bye = replica.last
    await replica.receive(*(incoming(f"S{n}", f"text {n}") for n in range(120)))
    await replica.commit(answer(bye, hang_up=True))
    await replica.commit(answer(replica.last))
    taken = list(replica.last_texts)
    while len(taken) < 120:
        before = len(replica.started)
        await replica.commit(answer(replica.last))
        if len(replica.started) == before:
            await replica.claim_one()
        taken += replica.last_texts
    assert taken == [f"text {n}" for n in range(120)]
    count = "SELECT count(*) FROM session.messages m JOIN session.threads t ON t.session_id = m.session_id"
    assert await rows.one(count) == 120


async def test_a_thread_has_one_open_turn_whatever_the_code_does(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1"))
    with pytest.raises(psycopg.errors.UniqueViolation, match="turns_one_open"):
        await rows.all(
            "INSERT INTO session.turns SELECT (json_populate_record(u, json_build_object('id', gen_random_uuid()))).* "
            "FROM session.turns u"
        )


async def test_a_thread_has_one_open_session_whatever_the_code_does(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1"))
    with pytest.raises(psycopg.errors.UniqueViolation, match="sessions_one_open"):
        await rows.all(
            "INSERT INTO session.sessions SELECT "
            "(json_populate_record(s, json_build_object('id', gen_random_uuid()))).* FROM session.sessions s"
        )


async def test_code_that_forgets_a_committed_turn_commits_nothing(replica: Replica, rows: Rows) -> None:
    """A decision made on what the thread was before: the database refuses it as a whole."""
    await replica.receive(incoming("S1"))
    async with replica.store.batch() as batch:
        stale = await batch.gather([key()])
    await replica.commit(answer(replica.last, "1"))
    before = await rows.all(EVERYTHING)
    assert stale.now
    context = Context(stale.now, new_id)
    decision = decide(stale.threads[key()], [answer(replica.last, "again").event], context)

    async def commit_again() -> None:
        async with replica.store.batch() as batch:
            await batch.gather([key()])
            await batch.commit([decision])

    with pytest.raises(psycopg.errors.UniqueViolation):
        await commit_again()
    assert await rows.all(EVERYTHING) == before
