"""Of several reports on one message the furthest counts, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_session.domain.deliveries import FINAL, Acceptance, acceptance_of, furthest

Report = tuple[str, int]


def pick(reports: Sequence[Report]) -> list[Report]:
    return furthest(reports, key=lambda report: report[0], state=lambda report: report[1])


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([3, 4, 5], 5),
        ([5, 4, 3], 5),
        ([2, 3, 2], 3),
        ([5, 6], 5),
        ([6, 5], 6),
        ([11, 5, 4], 11),
    ],
)
def test_the_furthest_state_counts_and_the_first_final_one_stays(states: list[int], expected: int) -> None:
    assert pick([("a", state) for state in states]) == [("a", expected)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 11))))
def test_each_message_gets_one_report_none_of_which_is_behind(reports: list[Report]) -> None:
    best = dict(pick(reports))
    assert len(pick(reports)) == len(best) == len({name for name, _ in reports})
    assert list(best) == list(dict.fromkeys(name for name, _ in reports))
    for name, state in reports:
        assert min(best[name], FINAL) >= min(state, FINAL)
        assert (name, best[name]) in reports


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, Acceptance.OPEN) for state in (0, 1, 2)),
        *((state, Acceptance.ACCEPTED) for state in (3, 4, 5, 7)),
        *((state, Acceptance.REFUSED) for state in (6, 9, 10, 11)),
        (8, Acceptance.OPTED_OUT),
    ],
)
def test_whether_the_provider_has_taken_a_message(state: int, expected: Acceptance) -> None:
    assert acceptance_of(state) is expected
