"""STOP and START: stored with the text that says them; what was said last counts; the notifier is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from parley_session.domain.keywords import Keyword
from parley_session.domain.thread import EndReason, TurnKind
from parley_session.handlers.receive_messages import Incoming, Outcome
from parley_session.handlers.relay_outbox import RelayOutbox
from parley_session.ports import DeliveryRecord, HandOver, OptOutNotice, Submission
from tests.databases import FreshDatabase
from tests.integration.session.asking import ANNA, REASONS, talk
from tests.integration.session.replica import (
    OURS,
    Replica,
    Rows,
    answer,
    incoming,
    key,
    replica_running,
)
from tests.integration.session.wire import wire_to

ACCEPTED, SUPPRESSED, CANCELED, UNKNOWN = 3, 8, 9, 2
NOON = datetime.now(UTC) - timedelta(hours=1)
SAID = "SELECT stop_time, start_time FROM session.opt_outs"
DUE = "SELECT count(*) FROM session.opt_outs WHERE next_submit_time IS NOT NULL"
REPEAT = "UPDATE session.opt_outs SET next_submit_time = clock_timestamp() WHERE next_submit_time IS NOT NULL"
REPEAT_MESSAGES = "UPDATE session.outbox SET next_submit_time = clock_timestamp()"


@pytest.fixture(autouse=True)
async def registered_long_ago(rows: Rows) -> None:
    await rows.all("UPDATE session.numbers SET ingest_from = %s", NOON)


def said(
    source: str, text: str, minutes: float = 0, *, fetched: bool = False, stated: Keyword | None = None
) -> Incoming:
    """A text that came some minutes after noon."""
    item = incoming(source, text)
    moment = NOON + timedelta(minutes=minutes)
    return Incoming(item.key, replace(item.event, receive_time=moment, stated=stated, fetched=fetched))


async def relayed(replica: Replica) -> list[HandOver]:
    handed_over: list[HandOver] = []
    await RelayOutbox(replica.store, handed_over.append)()
    return handed_over


async def is_answered(replica: Replica, source: str = "probe") -> bool:
    """Whether the participant's next text gets to the agent."""
    (received,) = await replica.receive(incoming(source, "is anybody there?"))
    return received.outcome is Outcome.ACCEPTED


# ---- what a STOP does


async def test_a_stop_is_stored_ends_the_session_and_reaches_no_agent(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    (received,) = await replica.receive(said("S2", "Stop.", 1))
    assert received.outcome is Outcome.IGNORED
    assert await rows.all(REASONS) == [(EndReason.OPTED_OUT,)]
    assert await rows.all("SELECT scope, participant, stop_time, stop_source FROM session.opt_outs") == [
        (OURS, ANNA, NOON + timedelta(minutes=1), "S2")
    ]
    assert await rows.all("SELECT text, ignore_reason FROM session.messages WHERE source_id = 'S2'") == [
        ("Stop.", "stop")
    ]
    assert [run.turn.kind for run, _ in replica.started] == [TurnKind.START, TurnKind.END]
    await replica.commit(answer(replica.last, "goodbye"))
    assert [submission.text for submission in replica.handed_over if not submission.canceled] == ["hi"]


async def test_a_stop_of_which_nobody_heard_is_stored_with_its_text_or_not_at_all(
    database: FreshDatabase, rows: Rows
) -> None:
    """One transaction: where it fails, the text is not known either, and comes again."""
    await rows.all("ALTER TABLE session.opt_outs ADD CONSTRAINT nobody CHECK (false) NOT VALID")
    async with replica_running(database.session_url) as replica:
        try:
            with pytest.raises(Exception, match="nobody"):
                await replica.receive(incoming("S1", "STOP"))
        finally:
            await rows.all("ALTER TABLE session.opt_outs DROP CONSTRAINT nobody")
        assert await rows.one("SELECT count(*) FROM session.messages") == 0
        assert await rows.one("SELECT count(*) FROM session.sources") == 0
        assert replica.opt_outs == []
        (again,) = await replica.receive(incoming("S1", "STOP"))
        assert again.outcome is Outcome.IGNORED
        assert await rows.one("SELECT count(*) FROM session.opt_outs") == 1


async def test_texts_after_a_stop_are_ignored_and_after_a_start_answered(replica: Replica, rows: Rows) -> None:
    await replica.receive(said("S1", "STOP", 1))
    assert not await is_answered(replica, "S2")
    await replica.receive(said("S3", "start", 2))
    assert await is_answered(replica, "S4")
    assert await rows.all("SELECT ignore_reason FROM session.messages WHERE direction = 1 ORDER BY position") == [
        ("stop",),
        ("opted_out",),
        ("start",),
        ("",),
    ]
    assert await rows.one("SELECT count(*) FROM session.sessions") == 1
    assert replica.last_texts == ["is anybody there?"]


@pytest.mark.parametrize("late", ["STOP", "START"])
async def test_what_was_said_last_counts_however_late_the_other_comes(replica: Replica, rows: Rows, late: str) -> None:
    early, last = ("START", "STOP") if late == "START" else ("STOP", "START")
    await replica.receive(said("S1", last, 2))
    await replica.receive(said("S2", early, 1))
    assert await is_answered(replica) == (last == "START")
    assert replica.opt_outs[-1].opted_out == (last == "STOP")
    assert replica.opt_outs[-1].event_time == NOON + timedelta(minutes=2)


async def test_a_stop_that_is_fetched_after_a_start_does_not_end_the_session(replica: Replica, rows: Rows) -> None:
    await replica.receive(said("S1", "START", 2))
    await talk(replica, rows, source="S2")
    await replica.receive(said("S0", "STOP", 1, fetched=True))
    assert await rows.all(REASONS) == [(None,)]
    assert await is_answered(replica, "S3")
    assert [submission.text for submission in replica.handed_over if submission.canceled] == []


async def test_a_keyword_that_is_fetched_again_brings_its_better_time(replica: Replica, rows: Rows) -> None:
    """The gateways heard the STOP late, when it was not the participant's last word."""
    await replica.receive(said("S1", "START", 2))
    await replica.receive(said("S2", "STOP", 3))
    assert not await is_answered(replica, "S3")
    (again,) = await replica.receive(said("S2", "STOP", 1, fetched=True))
    assert again.outcome is Outcome.DUPLICATE
    assert await rows.all(SAID) == [(NOON + timedelta(minutes=1), NOON + timedelta(minutes=2))]
    assert not replica.opt_outs[-1].opted_out
    assert await is_answered(replica, "S4")


@pytest.mark.parametrize(("said_last", "between"), [("STOP", "START"), ("START", "STOP")])
@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_what_gave_way_to_a_keyword_that_only_came_last_counts_again(
    replica: Replica, rows: Rows, said_last: str, between: str, is_one_batch: bool
) -> None:
    """Of three keywords the first was said first, and came last by its webhook: the list tells them in their order."""
    for came in (said("S2", between, 4), said("S3", said_last, 8), said("S1", said_last, 12)):
        await replica.receive(came)
    listed = [
        said("S1", said_last, 0, fetched=True),
        said("S2", between, 4, fetched=True),
        said("S3", said_last, 8, fetched=True),
    ]
    for batch in [listed] if is_one_batch else [[item] for item in listed]:
        assert {received.outcome for received in await replica.receive(*batch)} == {Outcome.DUPLICATE}
    last, earlier = NOON + timedelta(minutes=8), NOON + timedelta(minutes=4)
    assert await rows.all(SAID) == [(last, earlier) if said_last == "STOP" else (earlier, last)]
    assert await is_answered(replica) is (said_last == "START")


async def test_a_word_of_the_customers_own_that_gave_way_counts_again(replica: Replica, rows: Rows) -> None:
    """The list does not state what a text is: it stays what it was stored as."""
    await rows.all("UPDATE session.numbers SET keywords = 2")
    await replica.receive(said("S2", "RETOUR", 4, stated=Keyword.START))
    await replica.receive(said("S3", "ARRET", 8, stated=Keyword.STOP))
    await replica.receive(said("S1", "ARRET", 12, stated=Keyword.STOP))
    await replica.receive(said("S1", "ARRET", fetched=True), said("S3", "ARRET", 8, fetched=True))
    assert await rows.all(SAID) == [(NOON + timedelta(minutes=8), NOON + timedelta(minutes=4))]
    assert not await is_answered(replica)


async def test_a_keyword_that_a_webhook_repeats_changes_nothing(replica: Replica, rows: Rows) -> None:
    await replica.receive(said("S1", "STOP", 2))
    before = await rows.all(SAID)
    (again,) = await replica.receive(said("S1", "STOP", 9))
    assert again.outcome is Outcome.DUPLICATE
    assert await rows.all(SAID) == before
    assert len(replica.opt_outs) == 1


# ---- what is not sent any more


async def three_under_way(replica: Replica) -> list[Submission]:
    """Of three replies the provider has taken one, one is on its way, one has not left."""
    await replica.receive(incoming("S1"))
    await replica.commit(answer(replica.last, "one", "two", "three"))
    replies = list(replica.handed_over)
    await replica.record(DeliveryRecord(replies[0].message_id, ACCEPTED))
    await replica.record(DeliveryRecord(replies[1].message_id, UNKNOWN))
    replica.handed_over.clear()
    return replies


async def test_a_stop_takes_back_all_that_was_not_sent(replica: Replica) -> None:
    _, second, third = await three_under_way(replica)
    await replica.receive(incoming("S2", "STOP"))
    assert [(s.message_id, s.canceled) for s in replica.handed_over] == [
        (second.message_id, True),
        (third.message_id, True),
    ]
    assert replica.handed_over[1] == replace(third, canceled=True), "but for that it is as it was"


async def test_what_was_taken_back_is_told_again_until_its_outcome_is_known(replica: Replica, rows: Rows) -> None:
    _, second, third = await three_under_way(replica)
    await replica.receive(incoming("S2", "STOP"))
    assert await relayed(replica) == [], "it was told at once"
    for _ in range(3):
        await rows.all(REPEAT_MESSAGES)
        again = [item for item in await relayed(replica) if isinstance(item, Submission)]
        assert [(s.message_id, s.canceled) for s in again] == [(second.message_id, True), (third.message_id, True)]
    await replica.record(DeliveryRecord(second.message_id, ACCEPTED), DeliveryRecord(third.message_id, CANCELED))
    await rows.all(REPEAT_MESSAGES)
    assert await relayed(replica) == []
    states = "SELECT delivery_state FROM session.messages WHERE seq > 0 ORDER BY seq"
    assert await rows.all(states) == [(ACCEPTED,), (ACCEPTED,), (CANCELED,)]


async def test_a_stop_takes_back_nothing_of_others(replica: Replica, rows: Rows) -> None:
    await three_under_way(replica)
    await replica.receive(incoming("B1", "STOP", "+15550112"))
    assert replica.handed_over == []
    assert await rows.one("SELECT count(*) FROM session.outbox WHERE canceled") == 0


async def test_a_reply_that_was_committed_after_the_stop_is_refused(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1"))
    result = answer(replica.last, "too late")
    await replica.receive(incoming("S2", "STOP"))
    assert await replica.commit(result) == [False]
    assert await rows.one("SELECT count(*) FROM session.messages WHERE seq > 0") == 0


# ---- what the notifier is told


async def test_the_notifier_is_told_at_once_and_again_until_it_has_stored_it(replica: Replica, rows: Rows) -> None:
    await replica.receive(said("S1", "STOP", 1))
    notice = OptOutNotice(OURS, ANNA, True, NOON + timedelta(minutes=1))
    assert replica.opt_outs == [notice]
    assert await relayed(replica) == [], "not twice at once"
    for _ in range(2):
        await rows.all(REPEAT)
        assert await relayed(replica) == [notice]
    await replica.store.finish_opt_outs([notice])
    await rows.all(REPEAT)
    assert await relayed(replica) == []


async def test_opt_outs_are_handed_over_ahead_of_messages(replica: Replica, rows: Rows) -> None:
    await three_under_way(replica)
    await replica.receive(incoming("S2", "STOP"))
    await rows.all(REPEAT)
    await rows.all(REPEAT_MESSAGES)
    assert [type(item) for item in await relayed(replica)] == [OptOutNotice, Submission, Submission]


async def test_a_change_is_not_taken_for_told_by_what_was_told_before(replica: Replica, rows: Rows) -> None:
    await replica.receive(said("S1", "STOP", 1))
    await replica.receive(said("S2", "START", 2))
    stop, start = replica.opt_outs
    await replica.store.finish_opt_outs([stop])
    assert await rows.one(DUE) == 1
    await replica.store.finish_opt_outs([start])
    assert await rows.one(DUE) == 0


async def test_neither_is_one_of_the_same_moment(replica: Replica, rows: Rows) -> None:
    """The provider's list knows whole seconds only. Of equal moments the opt-out counts."""
    await replica.receive(said("S1", "START", 1))
    await replica.receive(said("S2", "STOP", 1))
    start, stop = replica.opt_outs
    assert (start.opted_out, stop.opted_out) == (False, True)
    await replica.store.finish_opt_outs([start])
    assert await rows.one(DUE) == 1
    await replica.store.finish_opt_outs([stop])
    assert await rows.one(DUE) == 0


async def test_one_process_at_a_time_tells_the_notifier(replica: Replica, other: Replica, rows: Rows) -> None:
    people = [f"+1666{number:07d}" for number in range(40)]
    await replica.receive(*(incoming(f"S{n}", "STOP", person) for n, person in enumerate(people)))
    await rows.all(REPEAT)
    looks = await asyncio.gather(*(relayed(each) for each in (replica, other) for _ in range(2)))
    told = [item.participant for look in looks for item in look if isinstance(item, OptOutNotice)]
    assert sorted(told) == people


async def test_a_stop_whose_process_died_after_the_commit_is_told_by_another(
    database: FreshDatabase, rows: Rows, other: Replica
) -> None:
    async with wire_to(database.session_url) as wire, replica_running(wire.url) as cut_off:
        await cut_off.receive(incoming("S1"))
        await cut_off.commit(answer(cut_off.last, "one"))
        wire.swallow_commits()
        with pytest.raises(Exception, match="unavailable"):
            await cut_off.receive(incoming("S2", "STOP"))
        assert cut_off.opt_outs == []
    await rows.all(REPEAT)
    await rows.all(REPEAT_MESSAGES)
    notice, message = await relayed(other)
    assert isinstance(notice, OptOutNotice)
    assert notice.opted_out
    assert isinstance(message, Submission)
    assert message.canceled


# ---- what only the provider knew


@pytest.mark.parametrize(("start", "opted_out"), [(None, True), (1, True), (3, False)])
async def test_a_refusal_is_a_stop_of_the_moment_at_which_its_send_began(
    replica: Replica, rows: Rows, start: int | None, opted_out: bool
) -> None:
    await talk(replica, rows)
    if start:
        await replica.receive(said("S2", "START", start))
    moment = NOON + timedelta(minutes=2)
    message_id = replica.handed_over[0].message_id
    await replica.record(DeliveryRecord(message_id, SUPPRESSED, error_code=21610, event_time=moment))
    assert await rows.one("SELECT stop_time FROM session.opt_outs") == moment
    assert await rows.one("SELECT stop_source FROM session.opt_outs") == message_id
    assert await rows.all(REASONS) == [(EndReason.OPTED_OUT if opted_out else None,)]
    assert replica.opt_outs[-1].opted_out == opted_out
    assert await is_answered(replica) != opted_out


async def test_a_refusal_without_a_moment_is_of_now(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    await replica.record(DeliveryRecord(replica.handed_over[0].message_id, SUPPRESSED))
    age = "SELECT extract(epoch FROM clock_timestamp() - stop_time) < 60 FROM session.opt_outs"
    assert await rows.one(age) is True
    assert not await is_answered(replica)


async def test_a_refusal_takes_back_what_follows_it(replica: Replica) -> None:
    await replica.receive(incoming("S1"))
    await replica.commit(answer(replica.last, "one", "two"))
    first, second = replica.handed_over
    await replica.record(DeliveryRecord(first.message_id, SUPPRESSED))
    assert [(s.message_id, s.canceled) for s in replica.handed_over[2:]] == [(second.message_id, True)]


async def test_a_refusal_that_is_reported_again_changes_nothing(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    record = DeliveryRecord(replica.handed_over[0].message_id, SUPPRESSED, event_time=NOON)
    await replica.record(record, record)
    await replica.receive(incoming("S2", "START"))
    await replica.record(record)
    assert await is_answered(replica)
    assert len(replica.opt_outs) == 2


async def test_refusals_of_a_batch_count_for_their_own_threads(replica: Replica, rows: Rows) -> None:
    people = [f"+1666{number:07d}" for number in range(20)]
    for number, person in enumerate(people):
        await talk(replica, rows, key(person), source=f"S{number}")
    records = [
        DeliveryRecord(submission.message_id, SUPPRESSED if number % 2 else ACCEPTED)
        for number, submission in enumerate(replica.handed_over)
    ]
    await replica.record(*records)
    ended = "SELECT participant FROM session.threads WHERE session_id IS NULL ORDER BY participant"
    assert await rows.all(ended) == [(person,) for person in people[1::2]]


async def test_a_stop_and_a_reply_that_meet_leave_nothing_to_be_sent(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    """The commit is first and its reply is taken back, or it is late and there is none."""
    for number in range(20):
        participant = f"+1666{number:07d}"
        await replica.receive(incoming(f"S{number}", participant=participant))
        stop = other.receive(incoming(f"T{number}", "STOP", participant))
        await asyncio.gather(stop, replica.commit(answer(replica.last, "hi")))
    assert await rows.one("SELECT count(*) FROM session.threads WHERE session_id IS NOT NULL") == 0
    assert await rows.one("SELECT count(*) FROM session.outbox WHERE NOT canceled") == 0
    canceled = await rows.one("SELECT count(*) FROM session.outbox")
    assert len([s for s in other.handed_over if s.canceled]) == canceled
