"""Which deliveries are asked about: each once at each age, none twice, and nothing that was known is told again."""

from __future__ import annotations

import time
import uuid

import pytest

from parley_notifier.domain.polls import (
    ENDS,
    Poll,
    Standing,
    Stretch,
    Unreported,
    Window,
    id_at,
    news,
    window_of,
)
from parley_session.adapters.ids import new_id

NOW = 1_800_000_000.0
AGES = (900.0, 3600.0, 43_200.0)


def unreported(number: int = 1, status: str = "sent") -> Unreported:
    return Unreported(id_at(NOW + number), f"SM{number}", status)


def test_ids_of_messages_lie_where_their_times_are() -> None:
    before = id_at(time.time() - 0.1)
    made = new_id()
    after = id_at(time.time() + 0.1)
    assert before < made < after
    assert str(uuid.UUID(before)) == before


def test_nothing_from_before_the_first_time_is_asked_about() -> None:
    window = window_of(Poll(NOW, ""), AGES[0], AGES[1])
    assert window == Window(id_at(NOW - 900), id_at(NOW - 900))


def test_each_window_begins_where_the_one_before_ended() -> None:
    first = window_of(Poll(NOW, id_at(NOW - 1000)), AGES[0], AGES[1])
    assert first == Window(id_at(NOW - 1000), id_at(NOW - 900))
    assert window_of(Poll(NOW + 10, first.before), AGES[0], AGES[1]) == Window(id_at(NOW - 900), id_at(NOW - 890))


def test_after_an_outage_each_text_is_asked_about_at_its_own_age_only() -> None:
    since = id_at(NOW - 5 * 86_400)
    windows = [
        window_of(Poll(NOW, since), age, next_age) for age, next_age in zip(AGES, [*AGES[1:], None], strict=True)
    ]
    assert windows == [
        Window(id_at(NOW - 3600), id_at(NOW - 900)),
        Window(id_at(NOW - 43_200), id_at(NOW - 3600)),
        Window(since, id_at(NOW - 43_200)),
    ]


@pytest.mark.parametrize(
    ("found", "is_whole", "end", "ends_window"),
    [
        (0, True, "before", True),
        (1, True, "before", True),
        (2, True, "2", False),
        (2, False, "2", False),
        (1, False, "last", False),
        (0, False, "last", False),
    ],
)
def test_a_stretch_ends_where_the_next_one_begins(found: int, is_whole: bool, end: str, ends_window: bool) -> None:
    ids = [Unreported(str(number), "SM", "") for number in range(1, found + 1)]
    stretch = Stretch(ids, limit=2, last_id="last", is_whole=is_whole)
    assert stretch.end(Window("after", "before")) == end
    assert stretch.ends_window is ends_window


def test_what_twilio_says_is_a_report_like_any_other() -> None:
    item = unreported()
    report = news(item, Standing("undelivered", 30003), NOW)
    assert report is not None
    assert (report.delivery_id, report.message_sid, report.status) == (item.delivery_id, item.sid, "undelivered")
    assert (report.error_code, report.receive_time) == (30003, NOW)


@pytest.mark.parametrize("said", ["queued", "sending", "sent", "a new status", ""])
def test_what_is_known_or_less_is_no_news(said: str) -> None:
    assert news(unreported(status="sent"), Standing(said), NOW) is None


def test_a_message_that_twilio_does_not_have_is_no_news() -> None:
    assert news(unreported(), None, NOW) is None


def test_these_are_the_ends() -> None:
    assert set(ENDS) == {"delivered", "undelivered", "failed", "canceled", "read"}
