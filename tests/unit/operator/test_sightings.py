"""Whether the watch lives: it owes an event for whatever a list shows and it has not told."""

from __future__ import annotations

from parley_operator.domain.sightings import Sightings


def test_a_watch_with_nothing_to_tell_is_not_silent() -> None:
    sightings = Sightings()
    sightings.listed({}, 100.0)
    assert sightings.silence(10_000.0) == 0.0


def test_a_watch_that_told_everything_is_not_silent_however_long_ago() -> None:
    sightings = Sightings()
    sightings.told("a", "1")
    sightings.listed({"a": "1"}, 100.0)
    assert sightings.silence(10_000.0) == 0.0


def test_a_change_that_only_the_list_shows_is_silence_until_it_is_told() -> None:
    sightings = Sightings()
    sightings.told("a", "1")
    sightings.listed({"a": "2"}, 100.0)
    sightings.listed({"a": "3"}, 130.0)
    assert sightings.silence(160.0) == 60.0
    sightings.told("a", "3")
    assert sightings.silence(160.0) == 0.0


def test_a_new_resource_and_a_vanished_one_are_owed_too() -> None:
    sightings = Sightings()
    sightings.told("a", "1")
    sightings.listed({"b": "2"}, 100.0)
    assert sightings.silence(110.0) == 10.0
    sightings.told("b", "2")
    assert sightings.silence(120.0) == 20.0
    sightings.told_gone("a")
    assert sightings.silence(130.0) == 0.0


def test_a_list_that_was_late_itself_is_set_right_by_the_next() -> None:
    sightings = Sightings()
    sightings.told("a", "2")
    sightings.listed({"a": "1"}, 100.0)
    sightings.listed({"a": "2"}, 130.0)
    assert sightings.silence(500.0) == 0.0


def test_a_permission_that_is_gone_is_silence_until_it_is_back() -> None:
    sightings = Sightings()
    sightings.refused(100.0)
    sightings.refused(130.0)
    assert sightings.silence(160.0) == 60.0
    sightings.listed({}, 170.0)
    assert sightings.silence(180.0) == 0.0


def test_a_watch_that_ended_is_silent_for_good() -> None:
    sightings = Sightings()
    sightings.ended()
    assert sightings.silence(0.0) == float("inf")
