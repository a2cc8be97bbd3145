"""When two clocks disagree: only if no moment of the look can explain what was read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from parley_cli.doctor.clocks import Reading, judge
from parley_cli.doctor.finding import State

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("theirs", "took", "grain", "offset"),
    [
        (0, 0, 0, 0),
        (3, 0, 0, -3),
        (-3, 0, 0, 3),
        (2, 4, 0, 0),
        (6, 4, 0, -2),
        (-1, 4, 1, 0),
        (-3, 4, 1, 2),
    ],
)
def test_ours_is_off_by_what_neither_the_way_nor_the_grain_explains(
    theirs: int, took: int, grain: int, offset: int
) -> None:
    reading = Reading(NOON, NOON + theirs * SECOND, NOON + took * SECOND, grain * SECOND)
    assert reading.offset == offset * SECOND


@pytest.mark.parametrize(("theirs", "state"), [(5, State.OK), (6, State.BAD), (-5, State.OK), (-6, State.BAD)])
def test_five_seconds_are_forgiven(theirs: int, state: State) -> None:
    assert judge("clock", "theirs", Reading(NOON, NOON + theirs * SECOND, NOON)).state is state


def test_the_side_is_named() -> None:
    assert "60 s behind Twilio's" in judge("clock", "Twilio's", Reading(NOON, NOON + 60 * SECOND, NOON)).detail
    assert "60 s ahead of Twilio's" in judge("clock", "Twilio's", Reading(NOON, NOON - 60 * SECOND, NOON)).detail
