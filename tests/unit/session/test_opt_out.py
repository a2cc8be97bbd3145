"""What counts of several STOPs and STARTs: what was said last, whatever came first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_session.domain.keywords import Keyword
from parley_session.domain.opt_out import NEVER_SAID, OptOut

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SAID = st.tuples(st.sampled_from([Keyword.STOP, Keyword.START]), st.integers(0, 5))


def after(said: list[tuple[Keyword, int, str]]) -> OptOut:
    known = NEVER_SAID
    for keyword, minute, source in said:
        known = known.hear(keyword, NOON + timedelta(minutes=minute), source)
    return known


@given(st.lists(SAID, max_size=4))
def test_the_latest_counts_in_every_order_of_arrival_and_of_equal_moments_the_stop(
    said: list[tuple[Keyword, int]],
) -> None:
    latest = max(said, key=lambda one: (one[1], one[0] is Keyword.STOP), default=(Keyword.START, 0))
    for order in permutations([(*one, f"source-{index}") for index, one in enumerate(said)]):
        known = after(list(order))
        assert known.opted_out is (latest[0] is Keyword.STOP)
        assert known.event_time == (NOON + timedelta(minutes=latest[1]) if said else None)


def test_the_same_source_again_brings_a_better_moment() -> None:
    known = after([(Keyword.START, 3, "b"), (Keyword.STOP, 5, "a"), (Keyword.STOP, 2, "a")])
    assert (known.opted_out, known.stop_time) == (False, NOON + timedelta(minutes=2))
    known = after([(Keyword.STOP, 3, "a"), (Keyword.START, 5, "b"), (Keyword.START, 2, "b")])
    assert (known.opted_out, known.start_time) == (True, NOON + timedelta(minutes=2))


def test_it_is_known_who_said_what_counts() -> None:
    known = after([(Keyword.STOP, 1, "a"), (Keyword.STOP, 2, "b"), (Keyword.START, 3, "c")])
    assert [known.heard_from(source) for source in "abc"] == [None, Keyword.STOP, Keyword.START]
    assert [known.knows(source) for source in "abc"] == [False, True, True]
    assert NEVER_SAID.heard_from("") is None


@pytest.mark.parametrize(("seconds", "moved"), [(-1.9, False), (1.9, False), (-2, True), (2, True)])
def test_a_list_that_tells_whole_seconds_does_not_move_what_is_as_good_as_the_same(seconds: float, moved: bool) -> None:
    known = after([(Keyword.STOP, 1, "a")])
    again = known.hear(Keyword.STOP, NOON + timedelta(minutes=1, seconds=seconds), "a")
    assert (again != known) is moved


@given(st.lists(SAID, max_size=4), st.lists(SAID, max_size=4))
def test_what_two_numbers_of_a_scope_know_comes_to_what_one_would(
    here: list[tuple[Keyword, int]], there: list[tuple[Keyword, int]]
) -> None:
    first = [(*one, f"here-{index}") for index, one in enumerate(here)]
    second = [(*one, f"there-{index}") for index, one in enumerate(there)]
    for merged in (after(first).merge(after(second)), after(second).merge(after(first))):
        together = after(first + second)
        assert (merged.stop_time, merged.start_time) == (together.stop_time, together.start_time)
        assert merged.opted_out is together.opted_out
