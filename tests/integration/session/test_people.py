"""People in a session: they write in it, take it from its agent, give it back with all that was said, and end it."""

from __future__ import annotations

import asyncio

from parley_session.domain.effects import MessageKind
from parley_session.domain.thread import EndReason, TurnKind
from parley_session.handlers.receive_messages import Outcome
from tests.integration.session.asking import (
    BEN,
    REASONS,
    done,
    ending,
    handing_off,
    opening,
    refused,
    resuming,
    talk,
    writing,
)
from tests.integration.session.replica import Replica, Rows, answer, eventually_async, incoming, key

DUE = "SELECT due_time IS NOT NULL FROM session.sessions WHERE id = %s"
IGNORED = "SELECT text FROM session.messages WHERE ignore_reason = 'handed_off' ORDER BY position"


# ---- writing


async def test_a_person_writes_in_the_session_of_an_agent(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    taken = done((await replica.ask(writing(session_id, "A person here")))[0])
    assert await rows.all("SELECT text, kind, position, seq FROM session.messages WHERE id = %s", taken.message_id) == [
        ("A person here", MessageKind.PERSON, 3, 2)
    ]
    assert replica.handed_over[-1].message_id == taken.message_id
    await replica.receive(incoming("S2", "oh"))
    assert replica.last_history == [(1, "hello"), (2, "hi"), (2, "A person here")]


async def test_a_person_who_writes_twice_with_one_request_is_sent_once(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    first, again = await replica.ask(writing(session_id, "once"), writing(session_id, "once"))
    assert done(first) == done(again)
    (changed,) = await replica.ask(writing(session_id, "otherwise"))
    assert refused(changed) == "REQUEST_CONFLICT"
    assert [submission.text for submission in replica.handed_over] == ["hi", "once"]


async def test_requests_of_one_thread_are_taken_in_their_order(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    taken = await replica.ask(
        writing(session_id, "one", "P1"),
        handing_off(session_id),
        writing(session_id, "two", "P2"),
        ending(session_id),
        writing(session_id, "too late", "P3"),
    )
    assert [submission.text for submission in replica.handed_over] == ["hi", "one", "two"]
    assert (taken[1], taken[3]) == (None, None)
    assert refused(taken[4]) == "SESSION_ENDED"


async def test_nobody_writes_in_a_session_that_has_ended(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await replica.ask(ending(session_id))
    for asked in (writing(session_id, "hello?"), handing_off(session_id), resuming(session_id)):
        assert refused((await replica.ask(asked))[0]) == "SESSION_ENDED"
    assert await rows.one("SELECT count(*) FROM session.requests") == 0


async def test_nobody_writes_to_who_has_opted_out_at_another_number(replica: Replica, rows: Rows) -> None:
    await rows.register("+15550101")
    await rows.all("UPDATE session.numbers SET opt_out_scope = 'MG1'")
    session_id = await talk(replica, rows)
    await replica.receive(incoming("S2", "STOP", endpoint="+15550101"))
    assert refused((await replica.ask(writing(session_id, "hello?")))[0]) == "OPTED_OUT"


# ---- ending


async def test_a_session_is_ended_once_by_two_at_once(replica: Replica, other: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await asyncio.gather(*(each.ask(ending(session_id)) for each in (replica, other) for _ in range(3)))
    assert await rows.all(REASONS) == [(EndReason.ENDED_BY_REQUEST,)]
    ends = [run for each in (replica, other) for run, _ in each.started if run.turn.kind is TurnKind.END]
    assert [run.session.id for run in ends] == [session_id]
    assert await rows.one("SELECT count(*) FROM session.messages") == 2, "nothing is sent for it"


async def test_a_session_that_never_reached_its_agent_ends_without_it(replica: Replica, rows: Rows) -> None:
    started = done((await replica.start(opening()))[0])
    await replica.ask(ending(started.session_id))
    assert await rows.all(REASONS) == [(EndReason.ENDED_BY_REQUEST,)]
    assert await rows.one("SELECT count(*) FROM session.turns") == 0


async def test_texts_that_wait_at_the_end_open_the_next_session_in_their_order(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await replica.receive(incoming("S2", "one"))
    await replica.receive(incoming("S3", "two"))
    await replica.ask(ending(session_id))
    await replica.commit(answer(replica.last))
    assert replica.last.turn.kind is TurnKind.START
    assert replica.last_texts == ["one", "two"]
    assert await rows.one("SELECT count(*) FROM session.messages WHERE session_id = %s", session_id) == 2


async def test_only_the_session_that_is_meant_is_ended(replica: Replica, rows: Rows) -> None:
    old = await talk(replica, rows)
    await replica.ask(ending(old))
    await replica.commit(answer(replica.last))
    new = await talk(replica, rows, source="S2")
    await replica.ask(ending(old))
    assert await rows.one("SELECT end_reason FROM session.sessions WHERE id = %s", new) is None


# ---- handing over and giving back


async def test_a_session_with_people_keeps_its_texts_from_the_agent(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await replica.ask(handing_off(session_id, "desk", "asked for a person"))
    (received,) = await replica.receive(incoming("S2", "is anybody there?"))
    assert received.outcome is Outcome.IGNORED
    assert len(replica.started) == 1
    assert await rows.all(IGNORED) == [("is anybody there?",)]
    found = await rows.all("SELECT handed_off, hand_off_destination, hand_off_reason FROM session.sessions")
    assert found == [(True, "desk", "asked for a person")]
    assert await rows.one(DUE, session_id) is False, "people are not hurried"


async def test_handing_over_again_changes_nothing(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await replica.ask(handing_off(session_id, "desk", "first"), handing_off(session_id, "other", "second"))
    assert await rows.all("SELECT hand_off_destination, hand_off_reason FROM session.sessions") == [("desk", "first")]


async def test_a_turn_under_way_is_refused_once_people_have_the_session(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await replica.receive(incoming("S2", "a question"))
    await replica.ask(handing_off(session_id))
    assert await replica.commit(answer(replica.last, "too late")) == [False]
    assert await rows.all(IGNORED) == [("a question",)], "it is for people now"
    assert await rows.all("SELECT outcome FROM session.turns ORDER BY create_time") == [(1,), (3,)]
    assert [submission.text for submission in replica.handed_over] == ["hi"]


async def test_an_agent_that_gets_its_session_back_knows_what_everybody_said(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await replica.receive(incoming("S2", "a question"))
    await replica.ask(handing_off(session_id), writing(session_id, "A person here", "P1"))
    await replica.receive(incoming("S3", "finally"))
    await replica.ask(writing(session_id, "Back to the agent", "P2"), resuming(session_id))
    assert await rows.one(DUE, session_id) is True
    assert len(replica.started) == 2, "nothing waits for the agent"

    await replica.receive(incoming("S4", "thanks"))
    assert (replica.last_texts, replica.last.session.state) == (["thanks"], '{"n": 1}')
    assert replica.last_history == [
        (1, "hello"),
        (2, "hi"),
        (1, "a question"),
        (2, "A person here"),
        (1, "finally"),
        (2, "Back to the agent"),
    ]


async def test_an_agent_hears_nothing_of_a_session_that_people_end_but_its_end(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    await replica.ask(handing_off(session_id))
    await replica.receive(incoming("S2", "hello?"))
    await replica.ask(ending(session_id))
    assert replica.last.turn.kind is TurnKind.END
    assert replica.last_history == [(1, "hello"), (2, "hi"), (1, "hello?")]
    await replica.commit(answer(replica.last))
    await replica.receive(incoming("S3", "again"))
    assert (replica.last_texts, replica.last_history) == (["again"], [])


async def test_what_was_said_to_people_stays_in_its_session_when_another_opens(replica: Replica, rows: Rows) -> None:
    """Texts that wait move on to the next session; those that people had do not."""
    session_id = await talk(replica, rows)
    await replica.ask(handing_off(session_id))
    await replica.receive(incoming("S2", "to a person"))
    await replica.ask(resuming(session_id))
    await replica.receive(incoming("S3", "to the agent"))
    await replica.start(opening())
    stored = await rows.all("SELECT text FROM session.messages WHERE session_id = %s ORDER BY position", session_id)
    assert stored == [("hello",), ("hi",), ("to a person",)]


async def test_a_text_and_a_resumption_that_meet_leave_a_session_that_answers(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    """Whichever is first: the text is for people, or for the agent, and the next one is answered."""
    for number in range(10):
        participant = f"+1666{number:07d}"
        at = key(participant)
        session_id = await talk(replica, rows, at, source=f"S{number}")
        asked = handing_off(session_id)
        await replica.ask(type(asked)(at, asked.command))
        asked = resuming(session_id)
        await asyncio.gather(
            other.receive(incoming(f"T{number}", "now", participant)), replica.ask(type(asked)(at, asked.command))
        )
        for run, _ in (*replica.started, *other.started):
            await replica.commit(answer(run, "ok"))
        await replica.receive(incoming(f"U{number}", "and now", participant))
        assert replica.last_texts == ["and now"]
        assert (1, "now") in replica.last_history


async def test_a_session_with_people_is_never_due(replica: Replica, rows: Rows) -> None:
    session_id = await talk(replica, rows)
    bens = await talk(replica, rows, key(BEN), source="S2")
    await replica.ask(handing_off(session_id))
    assert await rows.one(DUE, session_id) is False
    assert await rows.one(DUE, bens) is True
    assert (await replica.time_out()).decided == 0


async def test_a_hand_off_that_waited_for_a_commit_lets_its_reply_stand(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    session_id = await talk(replica, rows)
    await replica.receive(incoming("S2", "a question"))
    async with replica.store.batch() as batch:
        await batch.gather([key()])
        committing = asyncio.create_task(replica.commit(answer(replica.last, "an answer")))
        await eventually_async(lambda: _waiting(rows, 1))
        handing = asyncio.create_task(other.ask(handing_off(session_id)))
        await eventually_async(lambda: _waiting(rows, 2))
    assert await committing == [True]
    await handing
    assert await rows.one("SELECT handed_off FROM session.sessions") is True
    assert [submission.text for submission in replica.handed_over] == ["hi", "an answer"]


async def _waiting(rows: Rows, count: int) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return await rows.one(query) == count


async def test_what_is_ignored_behind_a_text_that_waits_is_said_in_the_session_that_it_opens(
    replica: Replica, rows: Rows
) -> None:
    """Whether it comes with it or later, while an end is still being run; what came before it is in no session."""
    session_id = await talk(replica, rows)
    await replica.ask(ending(session_id))
    await replica.receive(incoming("S2", "HELP"))
    await replica.receive(incoming("S3", "again"), incoming("S4", "help!"))
    await replica.receive(incoming("S5", "HELP"))
    await replica.commit(answer(replica.last))
    new = replica.last.session.id
    stored = await rows.all(
        "SELECT source_id, session_id::text FROM session.messages WHERE position > 2 ORDER BY position"
    )
    assert stored == [("S2", None), ("S3", new), ("S4", new), ("S5", new)]


async def test_what_was_ignored_in_a_session_stays_there_when_the_text_before_it_moves_on(
    replica: Replica, rows: Rows
) -> None:
    old = await talk(replica, rows)
    await replica.receive(incoming("S2", "a question"))
    await replica.receive(incoming("S3", "HELP"))
    new = done((await replica.start(opening()))[0]).session_id
    stored = (
        "SELECT source_id, session_id::text FROM session.messages WHERE source_id IN ('S2', 'S3') ORDER BY position"
    )
    assert await rows.all(stored) == [("S2", new), ("S3", old)]
