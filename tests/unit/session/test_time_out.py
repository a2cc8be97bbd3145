"""What is due in a session (session rules S6 to S9), as a table of cases at their edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley_session.domain.events import Context, Protocol
from parley_session.domain.keywords import Keyword
from parley_session.domain.opt_out import NEVER_SAID
from parley_session.domain.settings import settings_of
from parley_session.domain.thread import SMS, WEB_CHAT, EndReason, HandOff, Session, Thread
from parley_session.domain.time_out import Defer, Ending, Judgement, Step, judge

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
LOOK_AGAIN = Defer(NOW + Protocol().look_again)

TALKED = {"engaged": True, "due_time": NOW}
WARNED = {**TALKED, "warning_id": "warning"}
GRACED = {**WARNED, "grace_end": NOW}
WAITING = {"outbound": True, "due_time": NOW}


def judged(session: dict[str, Any], *, covered: datetime | None = NOW, **thread: Any) -> Judgement | None:
    wishes = session.pop("wishes", {})
    opened = Session("session", "echo", wishes, settings_of(wishes), 1, **session)
    known = Thread("thread", SMS, "+15550100", "+15550111", active_time=NOW - DAY, session=opened)
    # Leases are kept by another clock: what it says must not matter.
    context = Context(NOW - timedelta(days=99), lambda: "id", people_now=NOW)
    return judge(replace(known, **thread), covered, context)


@pytest.mark.parametrize(
    ("session", "thread", "expected"),
    [
        # Nothing is due.
        ({**TALKED, "due_time": NOW + SECOND}, {}, None),
        ({**TALKED, "due_time": None}, {}, None),
        ({**TALKED, "hand_off": HandOff()}, {}, None),
        ({**WARNED, "hand_off": HandOff()}, {"warning_state": 3}, None),
        # Silence.
        (TALKED, {}, Step.WARN),
        (TALKED, {"active_time": NOW - DAY + SECOND}, Defer(NOW + SECOND)),
        (TALKED, {"active_time": NOW}, Defer(NOW + DAY)),
        (TALKED, {"active_time": None}, Defer(NOW + DAY)),
        (TALKED, {"last_inbound": 3, "taken": 2}, LOOK_AGAIN),
        ({**TALKED, "wishes": {"inactive_after": 0}}, {}, Defer(None)),
        ({**TALKED, "wishes": {"inactive_after": 60}}, {"active_time": NOW - 60 * SECOND}, Step.WARN),
        # A text of ours that nobody answered.
        (WAITING, {}, Defer(NOW + 29 * DAY)),
        (WAITING, {"active_time": NOW - 30 * DAY + SECOND}, Defer(NOW + SECOND)),
        (WAITING, {"active_time": NOW - 30 * DAY}, Ending(EndReason.UNANSWERED)),
        ({**WAITING, "wishes": {"unengaged_ttl": 86400}}, {}, Ending(EndReason.UNANSWERED)),
        ({**WAITING, "wishes": {"inactive_after": 0, "unengaged_ttl": 86400}}, {}, Ending(EndReason.UNANSWERED)),
        # A warning, of which nothing is known, that was accepted, or that cannot be sent.
        (WARNED, {"warning_state": 1}, LOOK_AGAIN),
        (WARNED, {"warning_state": 2}, LOOK_AGAIN),
        *((WARNED, {"warning_state": state}, Step.BEGIN_GRACE) for state in (3, 4, 5, 7)),
        *((WARNED, {"warning_state": state}, Ending(EndReason.INACTIVE)) for state in (6, 9, 10, 11)),
        (WARNED, {"warning_state": 8}, Ending(EndReason.OPTED_OUT)),
        # As soon as it is known, not when the session is looked at again.
        ({**WARNED, "due_time": NOW + SECOND}, {"warning_state": 1}, None),
        ({**WARNED, "due_time": NOW + SECOND}, {"warning_state": 3}, Step.BEGIN_GRACE),
        ({**WARNED, "due_time": NOW + SECOND}, {"warning_state": 6}, Ending(EndReason.INACTIVE)),
        ({**GRACED, "due_time": NOW + SECOND, "grace_end": NOW + SECOND}, {"warning_state": 5}, None),
        # The grace.
        ({**GRACED, "grace_end": NOW + SECOND}, {"warning_state": 3}, Defer(NOW + SECOND)),
        (GRACED, {"warning_state": 3}, Ending(EndReason.INACTIVE, closing=True)),
        (GRACED, {"warning_state": 6}, Ending(EndReason.INACTIVE, closing=True)),
    ],
)
def test_what_is_due(session: dict[str, Any], thread: dict[str, Any], expected: Judgement | None) -> None:
    assert judged(dict(session), **thread) == expected


@pytest.mark.parametrize(
    ("channel", "covered", "expected"),
    [
        (SMS, None, Defer(NOW)),
        (SMS, NOW - SECOND, Defer(NOW)),
        (SMS, NOW, Ending(EndReason.INACTIVE, closing=True)),
        (WEB_CHAT, None, Ending(EndReason.INACTIVE, closing=True)),
    ],
)
def test_the_grace_is_over_when_no_reply_can_be_on_its_way(
    channel: int, covered: datetime | None, expected: Judgement
) -> None:
    assert judged(dict(GRACED), covered=covered, channel=channel, warning_state=3) == expected


@pytest.mark.parametrize("session", [TALKED, WARNED, GRACED, WAITING])
@pytest.mark.parametrize("covered", [None, NOW])
def test_who_has_opted_out_is_neither_warned_nor_said_good_bye(
    session: dict[str, Any], covered: datetime | None
) -> None:
    said = NEVER_SAID.hear(Keyword.STOP, NOW, "source")
    assert judged(dict(session), covered=covered, opt_out=said, warning_state=3) == Ending(EndReason.OPTED_OUT)


def test_without_a_session_nothing_is_due() -> None:
    assert judge(Thread("thread", SMS, "+15550100", "+15550111"), NOW, Context(NOW, lambda: "id")) is None
