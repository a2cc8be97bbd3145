"""Silence: a warning after a day, its grace from the provider's word on, an end once no reply can have been missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from parley_session.adapters.postgres.clock import PostgresClock
from parley_session.domain.effects import MessageKind
from parley_session.domain.events import Receive
from parley_session.domain.thread import EndReason, TurnKind
from parley_session.handlers.receive_messages import Incoming
from parley_session.ports import DeliveryRecord
from tests.integration.session.asking import REASONS, done, handing_off, opening, resuming, talk, writing
from tests.integration.session.replica import Replica, Rows, answer, incoming, key
from tests.integration.session.silence import (
    ACCEPTED,
    CANCELED,
    DAY,
    FAILED,
    GRACE,
    GRACE_END,
    HOUR,
    MINUTE,
    SUPPRESSED,
    WARNING,
    is_about,
    left,
    warn,
    warn_and_accept,
    warnings,
)

VERSION = "SELECT xmin::text, due_time FROM session.sessions"


async def set_wish(rows: Rows, wish: str) -> None:
    await rows.all("UPDATE session.numbers SET settings = settings || %s::text::jsonb", wish)


# ---- when a session is due


async def test_a_session_is_due_a_day_after_it_opened_and_messages_do_not_write_that(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    assert is_about(await left(rows), DAY)
    before = await rows.all(VERSION)
    await clock.skip(HOUR)
    for number in range(3):
        await replica.receive(incoming(f"T{number}", "more"))
        await replica.commit(answer(replica.last, "yes?", state=replica.last.session.state))
    assert await rows.all(VERSION) == before, "the row was not even touched"


async def test_nothing_is_due_early(replica: Replica, rows: Rows, clock: PostgresClock) -> None:
    await talk(replica, rows)
    await clock.skip(DAY - MINUTE)
    assert (await replica.time_out()).decided == 0
    assert await warnings(rows) == []


async def test_a_session_that_was_talked_in_meanwhile_gets_the_rest_of_its_day(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    await clock.skip(HOUR)
    await replica.receive(incoming("S2", "more"))
    await replica.commit(answer(replica.last, "yes?"))
    await clock.skip(DAY - HOUR)
    assert (await replica.time_out()).decided == 1
    assert await warnings(rows) == []
    assert is_about(await left(rows), HOUR)
    assert (await replica.time_out()).decided == 0
    await clock.skip(HOUR)
    await replica.time_out()
    assert len(await warnings(rows)) == 1


async def test_a_text_that_waits_for_its_answer_is_no_silence(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await replica.receive(incoming("S1"))
    await clock.skip(DAY)
    assert (await replica.time_out()).decided == 1
    assert await warnings(rows) == []
    assert is_about(await left(rows), MINUTE)


async def test_a_session_that_wants_no_end_is_never_due(replica: Replica, rows: Rows, clock: PostgresClock) -> None:
    await set_wish(rows, '{"inactive_after": 0}')
    await talk(replica, rows)
    assert await left(rows) is None
    await clock.skip(400 * DAY)
    assert (await replica.time_out()).decided == 0


async def test_silence_is_as_long_as_the_number_wants(replica: Replica, rows: Rows, clock: PostgresClock) -> None:
    await set_wish(rows, '{"inactive_after": 3600, "grace": 120, "warning_text": "Hello?"}')
    await talk(replica, rows)
    await clock.skip(HOUR)
    await replica.time_out()
    assert replica.handed_over[-1].text == "Hello?"
    await replica.record(DeliveryRecord(replica.handed_over[-1].message_id, ACCEPTED))
    assert is_about(await left(rows), 2 * MINUTE)


# ---- the warning


async def test_a_day_of_silence_is_followed_by_a_warning_that_is_no_activity(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    active = await rows.all("SELECT active_time FROM session.threads")
    warning = await warn(replica, rows, clock)
    assert (replica.handed_over[-1].message_id, replica.handed_over[-1].text) == (warning, WARNING)
    assert await rows.all("SELECT active_time FROM session.threads") == active
    assert is_about(await left(rows), MINUTE), "it is looked at again, should the provider's word be lost"
    assert (await replica.time_out()).decided == 0


async def test_the_grace_begins_with_the_providers_word(replica: Replica, rows: Rows, clock: PostgresClock) -> None:
    await talk(replica, rows)
    warning = await warn(replica, rows, clock)
    for _ in range(3):
        await clock.skip(5 * MINUTE)
        assert (await replica.time_out()).decided == 1
        assert await rows.one(GRACE_END) is None
    await replica.record(DeliveryRecord(warning, ACCEPTED))
    assert is_about(await left(rows), GRACE)
    assert await rows.one("SELECT awaits_coverage FROM session.sessions") is True
    assert len(await warnings(rows)) == 1


async def test_later_reports_on_the_warning_do_not_move_the_grace(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    grace_end = await warn_and_accept(replica, rows, clock)
    await clock.skip(MINUTE)
    await replica.record(DeliveryRecord((await warnings(rows))[0], 5))
    assert await rows.one(GRACE_END) == grace_end


async def test_a_process_that_died_with_the_providers_word_is_made_up_for_by_the_next_look(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    """The word is stored in a commit of its own."""
    await talk(replica, rows)
    warning = await warn(replica, rows, clock)
    await replica.store.record_deliveries([DeliveryRecord(warning, ACCEPTED)])
    assert await rows.one(GRACE_END) is None
    await clock.skip(MINUTE)
    assert (await other.time_out()).decided == 1
    assert is_about(await left(rows), GRACE)


@pytest.mark.parametrize(
    ("state", "reason"),
    [(FAILED, EndReason.INACTIVE), (CANCELED, EndReason.INACTIVE), (SUPPRESSED, EndReason.OPTED_OUT)],
)
async def test_a_warning_that_cannot_be_sent_ends_the_session_without_a_closing_text(
    replica: Replica, rows: Rows, clock: PostgresClock, state: int, reason: EndReason
) -> None:
    await set_wish(rows, '{"closing_text": "Goodbye."}')
    session_id = await talk(replica, rows)
    warning = await warn(replica, rows, clock)
    await replica.record(DeliveryRecord(warning, state))
    assert await rows.all(REASONS) == [(reason,)]
    assert [submission.text for submission in replica.handed_over if not submission.canceled] == ["hi", WARNING]
    assert (replica.last.turn.kind, replica.last.session.id) == (TurnKind.END, session_id)


# ---- the reply


async def test_a_reply_in_the_grace_keeps_the_session_for_another_day(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    session_id = await talk(replica, rows)
    grace_end = await warn_and_accept(replica, rows, clock)
    await clock.skip(9 * MINUTE)
    await replica.receive(incoming("S2", "I am"))
    assert (replica.last.session.id, replica.last_texts) == (session_id, ["I am"])
    assert replica.last_history == [(1, "hello"), (2, "hi"), (2, WARNING)]
    await replica.commit(answer(replica.last, "good"))
    assert is_about(await left(rows), DAY)
    assert await rows.all("SELECT warning_id, grace_end, awaits_coverage FROM session.sessions") == [
        (None, None, False)
    ]
    await clock.skip(HOUR)
    assert (await replica.time_out(covered=grace_end + HOUR)).decided == 0
    await clock.skip(DAY)
    await replica.time_out()
    assert len(await warnings(rows)) == 2, "the silence after it is warned of again"


async def test_a_reply_that_was_only_fetched_keeps_the_session(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    """An outage of ours from +9:30 to +10:20: nobody is ended by it."""
    session_id = await talk(replica, rows)
    grace_end = await warn_and_accept(replica, rows, clock)
    await clock.skip(GRACE + 20 * MINUTE)
    silent = await replica.time_out()
    assert silent.awaited_coverage == grace_end
    assert silent.now > grace_end
    assert await rows.all(REASONS) == [(None,)], "the provider has not been asked"

    now = await rows.one("SELECT clock_timestamp()")
    item = incoming("S2", "still here")
    fetched = Receive("S2", "still here", receive_time=now, fetched=True)  # type: ignore[arg-type]
    await replica.receive(Incoming(item.key, fetched))
    assert (await replica.time_out(covered=silent.now)).decided == 0
    assert replica.last.session.id == session_id
    assert await rows.all(REASONS) == [(None,)]


async def test_a_warning_that_has_not_left_is_taken_back_when_somebody_writes(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    warning = await warn(replica, rows, clock)
    await replica.receive(incoming("S2", "oh"))
    assert [(s.message_id, s.canceled) for s in replica.handed_over[-1:]] == [(warning, True)]
    await replica.record(DeliveryRecord(warning, CANCELED))
    assert await rows.all(REASONS) == [(None,)], "it is nobody's warning any more"


async def test_a_person_who_writes_keeps_the_session_too(replica: Replica, rows: Rows, clock: PostgresClock) -> None:
    session_id = await talk(replica, rows)
    await warn_and_accept(replica, rows, clock)
    await replica.ask(writing(session_id, "A person here"))
    assert is_about(await left(rows), DAY)


async def test_people_who_take_a_warned_session_are_not_hurried(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    session_id = await talk(replica, rows)
    grace_end = await warn_and_accept(replica, rows, clock)
    await replica.ask(handing_off(session_id))
    await clock.skip(30 * DAY)
    assert (await replica.time_out(covered=grace_end + 30 * DAY)).decided == 0
    await replica.ask(resuming(session_id))
    assert is_about(await left(rows), DAY)


# ---- the end


async def test_no_reply_ends_the_session_with_its_closing_text_and_its_end(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await set_wish(rows, '{"closing_text": "Goodbye."}')
    session_id = await talk(replica, rows)
    grace_end = await warn_and_accept(replica, rows, clock)
    await clock.skip(GRACE)
    assert (await replica.time_out(covered=grace_end)).decided == 1
    assert await rows.all(REASONS) == [(EndReason.INACTIVE,)]
    assert replica.handed_over[-1].text == "Goodbye."
    kinds = "SELECT kind FROM session.messages WHERE seq > 0 ORDER BY seq"
    assert await rows.all(kinds) == [(MessageKind.REPLY,), (MessageKind.WARNING,), (MessageKind.CLOSING,)]
    assert (replica.last.turn.kind, replica.last.session.id) == (TurnKind.END, session_id)
    await replica.commit(answer(replica.last, "never sent"))
    await replica.receive(incoming("S2", "hello?"))
    assert replica.last.turn.kind is TurnKind.START


@pytest.mark.parametrize("missing", [None, timedelta(milliseconds=1)])
async def test_a_grace_that_the_providers_list_does_not_cover_ends_nobody(
    replica: Replica, rows: Rows, clock: PostgresClock, missing: timedelta | None
) -> None:
    await talk(replica, rows)
    grace_end = await warn_and_accept(replica, rows, clock)
    await clock.skip(GRACE + HOUR)
    covered = None if missing is None else grace_end - missing
    looked = await replica.time_out(covered=covered)
    assert (looked.decided, looked.awaited_coverage) == (0, grace_end)
    assert (await replica.time_out(covered=grace_end)).decided == 1
    assert (await replica.time_out(covered=grace_end)).awaited_coverage is None


async def test_a_list_that_covers_the_grace_before_it_is_over_ends_nobody_early(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await talk(replica, rows)
    grace_end = await warn_and_accept(replica, rows, clock)
    assert (await replica.time_out(covered=grace_end + DAY)).decided == 0


async def test_the_first_of_those_that_wait_for_the_list_is_told(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    ends = []
    for number in range(3):
        await talk(replica, rows, key(f"+1666{number:07d}"), source=f"S{number}")
    await clock.skip(DAY)
    await replica.time_out()
    for warning in await warnings(rows):
        await clock.skip(timedelta(seconds=5))
        await replica.record(DeliveryRecord(warning, ACCEPTED))
    ends = [end for (end,) in await rows.all("SELECT grace_end FROM session.sessions ORDER BY grace_end")]
    await clock.skip(GRACE)
    assert (await replica.time_out()).awaited_coverage == ends[0]
    looked = await replica.time_out(covered=ends[1])
    assert (looked.decided, looked.awaited_coverage) == (2, ends[2])


# ---- sessions that nobody answered


async def test_an_unanswered_session_closes_silently_after_a_month(
    replica: Replica, rows: Rows, clock: PostgresClock
) -> None:
    started = done((await replica.start(opening()))[0])
    assert is_about(await left(rows), 30 * DAY)
    await clock.skip(29 * DAY)
    assert (await replica.time_out()).decided == 0
    await replica.ask(writing(started.session_id, "We are still here"))
    await clock.skip(DAY)
    assert (await replica.time_out()).decided == 1
    assert is_about(await left(rows), 29 * DAY), "the month begins with the last of our texts"
    await clock.skip(29 * DAY)
    await replica.time_out()
    assert await rows.all(REASONS) == [(EndReason.UNANSWERED,)]
    assert len(replica.handed_over) == 2
    assert replica.started == []


async def test_an_answer_makes_a_day_of_the_month(replica: Replica, rows: Rows, clock: PostgresClock) -> None:
    await replica.start(opening())
    await clock.skip(DAY)
    await replica.receive(incoming("S1", "yes"))
    assert is_about(await left(rows), DAY)
    assert await rows.one("SELECT engaged FROM session.sessions") is True
