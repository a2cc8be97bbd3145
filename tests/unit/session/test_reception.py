"""Which texts of the provider's list are ours: those since the number was, in the whole seconds that the list tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from parley_session.domain.events import Receive
from parley_session.domain.keywords import Keyword
from parley_session.domain.opt_out import OptOut
from parley_session.domain.reception import is_ours, tells_more
from parley_session.domain.thread import Opening, Thread

REGISTERED = datetime(2030, 1, 1, 12, 0, 7, 600_000, tzinfo=UTC)
THREAD = Thread("thread", 1, "+15550100", "+15550111", opening=Opening("echo", ingest_from=REGISTERED))
SECOND = REGISTERED.replace(microsecond=0)


@pytest.mark.parametrize(
    ("received", "fetched", "ours"),
    [
        (SECOND, True, True),
        (SECOND - timedelta(seconds=1), True, False),
        (SECOND + timedelta(seconds=1), True, True),
        (SECOND - timedelta(hours=1), False, True),
        (None, True, True),
    ],
)
def test_a_fetched_text_is_ours_from_the_second_in_which_the_number_was(
    received: datetime | None, fetched: bool, ours: bool
) -> None:
    text = Receive("SM1", "hello", receive_time=received, fetched=fetched)
    assert is_ours(THREAD, text) is ours


def test_no_text_to_a_number_that_is_not_registered_is_ours() -> None:
    assert not is_ours(Thread("thread", 1, "+15550100", "+15550111"), Receive("SM1", "hello"))


@pytest.mark.parametrize(
    ("fetched", "stated", "stored_as", "source", "tells"),
    [
        (True, None, None, "counts", True),
        (True, None, Keyword.STOP, "gave way", True),
        (True, None, None, "no keyword", False),
        (False, Keyword.STOP, None, "counts", False),
        (False, Keyword.STOP, Keyword.STOP, "gave way", False),
        (False, Keyword.STOP, None, "no keyword yet", True),
        (False, None, None, "no keyword", False),
    ],
)
def test_the_list_knows_better_when_a_keyword_came_and_a_webhook_that_a_text_is_one(
    fetched: bool, stated: Keyword | None, stored_as: Keyword | None, source: str, tells: bool
) -> None:
    thread = replace(THREAD, opt_out=OptOut(stop_time=SECOND, stop_source="counts"))
    assert tells_more(thread, Receive(source, "STOP", stated=stated, fetched=fetched), stored_as) is tells
