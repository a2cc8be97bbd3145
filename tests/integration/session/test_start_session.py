"""Texts of ours open sessions: from the number that the participant knows, once for each request, on any replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from parley_chassis.batcher import Batcher
from parley_session.domain.effects import MessageKind
from parley_session.domain.thread import EndReason, TurnKind
from parley_session.handlers.take_requests import Asked, Taken
from parley_session.ports import DeliveryRecord
from tests.integration.session.asking import (
    ANNA,
    BEN,
    REASONS,
    done,
    ending,
    opening,
    refused,
    start_session,
    talk,
)
from tests.integration.session.replica import OURS, Replica, Rows, answer, incoming, key

SECOND, GERMAN, BRITISH = "+15550101", "+4930555010", "+442055501"
SENDERS = "SELECT DISTINCT endpoint FROM session.threads t JOIN session.messages m ON m.thread_id = t.id AND m.seq > 0"
JOIN, REJECT = '{"on_open_session": 2}', '{"on_open_session": 3}'


async def test_a_text_of_ours_opens_a_session_and_calls_no_agent(replica: Replica, rows: Rows) -> None:
    started = done((await replica.start(opening()))[0])
    assert await rows.all("SELECT id::text, outbound, engaged, started, end_reason FROM session.sessions") == [
        (started.session_id, True, False, False, None)
    ]
    assert await rows.all("SELECT id::text, session_id::text, kind, position, seq FROM session.messages") == [
        (started.message_id, started.session_id, MessageKind.OPENING, 1, 1)
    ]
    assert [submission.message_id for submission in replica.handed_over] == [started.message_id]
    assert await rows.one("SELECT count(*) FROM session.turns") == 0
    assert replica.started == []


async def test_the_first_reply_joins_it_and_starts_the_agent_in_the_knowledge_of_our_text(replica: Replica) -> None:
    started = done((await replica.start(opening(text="Shall we come?")))[0])
    await replica.receive(incoming("S1", "please do"))
    assert replica.last.session.id == started.session_id
    assert replica.last.turn.kind is TurnKind.START
    assert (replica.last_texts, replica.last_history) == (["please do"], [(2, "Shall we come?")])


async def test_a_participant_is_texted_from_the_number_last_in_touch(replica: Replica, rows: Rows) -> None:
    await rows.register(SECOND)
    for source, endpoint in (("S1", SECOND), ("S2", OURS)):
        await replica.receive(incoming(source, endpoint=endpoint))
    await replica.start(opening())
    assert await rows.all(SENDERS) == [(OURS,)]
    await replica.receive(incoming("S3", endpoint=SECOND))
    await replica.start(opening("R2"))
    assert sorted(await rows.all(SENDERS)) == [(OURS,), (SECOND,)]


async def test_a_text_of_ours_makes_its_number_the_one_that_is_known(replica: Replica, rows: Rows) -> None:
    await rows.register(SECOND)
    await talk(replica, rows)
    await replica.start(opening(endpoint=SECOND))
    await replica.start(opening("R2"))
    assert [submission.sender for submission in replica.handed_over] == [OURS, SECOND, SECOND]


@pytest.mark.parametrize(("participant", "sender"), [("+4915550111", GERMAN), ("+447555011", BRITISH), (ANNA, OURS)])
async def test_a_new_participant_is_texted_from_their_country(
    replica: Replica, rows: Rows, participant: str, sender: str
) -> None:
    for number in (GERMAN, BRITISH):
        await rows.register(number)
    await replica.start(opening(participant=participant))
    assert await rows.all(SENDERS) == [(sender,)]


async def test_where_no_number_is_of_their_country_any_will_do(replica: Replica, rows: Rows) -> None:
    await replica.start(opening(participant="+33155501"))
    assert await rows.all(SENDERS) == [(OURS,)]


async def test_a_paused_number_is_never_chosen(replica: Replica, rows: Rows) -> None:
    await rows.register(GERMAN)
    await talk(replica, rows)
    await rows.all("UPDATE session.numbers SET sending_paused = true WHERE number = %s", OURS)
    await replica.start(opening())
    assert replica.handed_over[-1].sender == GERMAN
    assert refused((await replica.start(opening("R2", endpoint=OURS)))[0]) == "NO_NUMBER"


async def test_a_number_that_is_named_counts_over_the_one_that_is_known(replica: Replica, rows: Rows) -> None:
    await rows.register(SECOND)
    await talk(replica, rows)
    done((await replica.start(opening(endpoint=SECOND)))[0])
    assert replica.handed_over[-1].sender == SECOND


async def test_only_numbers_of_the_agent_are_chosen(replica: Replica, rows: Rows) -> None:
    await rows.register(SECOND, "desk")
    await talk(replica, rows, key(endpoint=SECOND))
    await replica.start(opening())
    assert replica.handed_over[-1].sender == OURS
    assert refused((await replica.start(opening("R2", endpoint=SECOND)))[0]) == "NO_NUMBER"
    assert refused((await replica.start(opening("R3", agent="nobody")))[0]) == "NO_NUMBER"
    assert await rows.one("SELECT count(*) FROM session.requests") == 1, "a refusal is not remembered"


# ---- once for each request


async def test_a_repeated_request_changes_nothing_and_gives_the_same_answer(replica: Replica, rows: Rows) -> None:
    first, again = await replica.start(opening(), opening())
    assert done(first) == done(again) == done((await replica.start(opening()))[0])
    assert await rows.one("SELECT count(*) FROM session.messages") == 1


async def test_it_does_so_after_the_session_has_ended(replica: Replica, rows: Rows) -> None:
    first = done((await replica.start(opening()))[0])
    await replica.ask(ending(first.session_id))
    assert (await replica.start(opening()))[0] == first
    assert await rows.one("SELECT count(*) FROM session.sessions") == 1


async def test_another_request_of_the_same_id_is_refused(replica: Replica, rows: Rows) -> None:
    await replica.start(opening())
    assert refused((await replica.start(opening(text="Something else")))[0]) == "REQUEST_CONFLICT"
    (taken,) = await replica.ask(Asked(key(BEN), start_session(text="Something else")))
    assert refused(taken) == "REQUEST_CONFLICT"
    assert await rows.one("SELECT count(*) FROM session.messages") == 1


async def test_a_request_keeps_its_number_whatever_would_be_chosen_now(replica: Replica, rows: Rows) -> None:
    await rows.register(SECOND)
    first = done((await replica.start(opening(endpoint="")))[0])
    sender = replica.handed_over[0].sender
    elsewhere = SECOND if sender == OURS else OURS
    await replica.receive(incoming("S1", endpoint=elsewhere))
    await rows.all("UPDATE session.numbers SET sending_paused = true WHERE number = %s", sender)
    assert (await replica.start(opening()))[0] == first
    await rows.all("UPDATE session.numbers SET sending_paused = true")
    assert (await replica.start(opening()))[0] == first, "where none could be chosen either"
    assert refused((await replica.start(opening(text="Something else")))[0]) == "REQUEST_CONFLICT"
    assert await rows.one("SELECT count(*) FROM session.messages WHERE seq > 0") == 1


async def test_two_replicas_that_get_a_request_at_once_give_the_same_answer(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    for number in range(20):
        wanted = opening(f"R{number}", participant=f"+1666{number:07d}")
        (here,), (there,) = await asyncio.gather(replica.start(wanted), other.start(wanted))
        assert done(here) == done(there)
    assert await rows.one("SELECT count(*) FROM session.messages") == 20
    assert len(replica.handed_over) + len(other.handed_over) == 20


@pytest.fixture
async def doors(replica: Replica, other: Replica) -> AsyncIterator[list[Batcher[Asked, Taken]]]:
    """The doors of both replicas, as the service has them."""
    doors = [Batcher(_flush(each), flights=2) for each in (replica, other)]
    yield doors
    for door in doors:
        await door.close()


def _flush(replica: Replica):  # type: ignore[no-untyped-def]
    async def flush(items: list[Asked]) -> list[Taken]:
        return await replica.ask(*items)

    return flush


async def test_two_replicas_that_choose_different_numbers_give_the_same_answer(
    doors: list[Batcher[Asked, Taken]], rows: Rows
) -> None:
    """No lock is common to both: the request itself is."""
    await rows.register(SECOND)
    for number in range(20):
        command, participant = start_session(f"R{number}"), f"+1666{number:07d}"
        asked = [Asked(key(participant, endpoint), command) for endpoint in (OURS, SECOND)]
        here, there = await asyncio.gather(*(door.submit(one) for door, one in zip(doors, asked, strict=True)))
        assert done(here) == done(there)
    assert await rows.one("SELECT count(*) FROM session.messages") == 20


async def test_a_request_that_stands_twice_in_a_batch_for_different_numbers_is_taken_once(
    replica: Replica, rows: Rows
) -> None:
    await rows.register(SECOND)
    here, there = await replica.ask(*(Asked(key(endpoint=each), start_session()) for each in (OURS, SECOND)))
    assert done(here) == done(there)
    assert await rows.one("SELECT count(*) FROM session.messages") == 1


# ---- where a session is open


async def test_an_older_session_ends_as_superseded_and_its_end_runs_before_anything_of_the_next(
    replica: Replica, rows: Rows
) -> None:
    old = await talk(replica, rows)
    new = done((await replica.start(opening()))[0]).session_id
    assert await rows.all(REASONS) == [(EndReason.SUPERSEDED,), (None,)]
    assert (replica.last.turn.kind, replica.last.session.id) == (TurnKind.END, old)
    await replica.receive(incoming("S2", "yes"))
    assert len(replica.started) == 2, "the end is still being run"
    await replica.commit(answer(replica.last))
    assert (replica.last.session.id, replica.last_texts) == (new, ["yes"])


async def test_a_turn_of_the_superseded_session_is_lost_and_its_texts_are_the_next_ones(
    replica: Replica, rows: Rows
) -> None:
    await talk(replica, rows)
    await replica.receive(incoming("S2", "one"))
    lost = replica.last
    new = done((await replica.start(opening()))[0]).session_id
    assert await replica.commit(answer(lost, "too late")) == [False]
    await replica.commit(answer(replica.last))
    assert (replica.last.session.id, replica.last_texts) == (new, ["one"])
    stored = await rows.all("SELECT text FROM session.messages WHERE session_id = %s ORDER BY position", new)
    assert stored == [("one",), ("We are here for you",)]


@pytest.mark.parametrize("times", [3])
async def test_ended_sessions_have_their_ends_run_once_each_in_the_order_of_their_ends(
    replica: Replica, rows: Rows, times: int
) -> None:
    """However it came about that several are owed."""
    sessions = []
    for number in range(times):
        sessions.append(await talk(replica, rows, source=f"S{number}"))
        await replica.ask(ending(sessions[-1]))
        await replica.commit(answer(replica.last))
    await rows.all("UPDATE session.sessions SET end_owed = true")
    await rows.all("UPDATE session.threads SET endings = %s", times)
    before = len(replica.started)
    await replica.receive(incoming("S", "next"))
    for _ in range(times + 1):
        await replica.commit(answer(replica.last, "said in the end"))
    runs = [run for run, _ in replica.started[before:]]
    assert [run.session.id for run in runs[:times]] == sessions
    assert [run.turn.kind for run in runs] == [TurnKind.END] * times + [TurnKind.START]
    assert await rows.one("SELECT count(*) FROM session.sessions WHERE end_owed") == 0
    texts = "SELECT count(*) FROM session.messages WHERE text = 'said in the end'"
    assert await rows.one(texts) == 1, "what end(conv) says is dropped; what the next session says is not"


async def test_joining_sends_the_text_in_the_open_session(replica: Replica, rows: Rows) -> None:
    await rows.all("UPDATE session.numbers SET settings = settings || %s::text::jsonb", JOIN)
    session_id = await talk(replica, rows)
    joined = done((await replica.start(opening(text="By the way")))[0])
    assert joined.session_id == session_id
    assert await rows.all(REASONS) == [(None,)]
    await replica.receive(incoming("S2", "oh"))
    assert replica.last.turn.kind is TurnKind.MESSAGE
    assert replica.last_history == [(1, "hello"), (2, "hi"), (2, "By the way")]


async def test_rejecting_refuses_the_text_and_leaves_the_session(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    await rows.all("UPDATE session.numbers SET settings = settings || %s::text::jsonb", REJECT)
    assert refused((await replica.start(opening()))[0]) == "OPEN_SESSION"
    assert await rows.all(REASONS) == [(None,)]
    assert await rows.one("SELECT count(*) FROM session.requests") == 0
    done((await replica.start(opening("R2", participant=BEN)))[0])


async def test_who_has_opted_out_is_not_texted(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1", "STOP"))
    assert refused((await replica.start(opening()))[0]) == "OPTED_OUT"
    assert await rows.one("SELECT count(*) FROM session.messages WHERE seq > 0") == 0
    await replica.receive(incoming("S2", "START"))
    done((await replica.start(opening()))[0])


async def test_an_opening_text_is_handed_over_until_its_outcome_is_known(replica: Replica, rows: Rows) -> None:
    started = done((await replica.start(opening()))[0])
    assert await rows.one("SELECT message_id::text FROM session.outbox") == started.message_id
    await replica.record(DeliveryRecord(started.message_id, 3))
    assert await rows.one("SELECT count(*) FROM session.outbox") == 0
