"""Which texts of the provider's list are ours: those since the number was, in the whole seconds that the list tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from parley_session.domain.events import Receive
from parley_session.domain.reception import is_ours
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
