"""How far back a list is read, what may be told of it, and which texts need no handing over."""

import pytest

from parley_notifier.domain.coverage import (
    FURTHEST,
    OVERLAP,
    SHORT_OVERLAP,
    SKEW,
    Coverage,
    InboundText,
    KnownSids,
    Tries,
    Turn,
)

NOW = 2_000_000.0


def text(sid: str, receive_time: float = NOW) -> InboundText:
    return InboundText(sid, "+15550001111", "+15550100001", "a text", (), receive_time)


@pytest.mark.parametrize(
    ("start_time", "listed_time", "overlap", "since"),
    [
        (0.0, NOW - 60, OVERLAP, NOW - 660),
        (0.0, NOW - 60, SHORT_OVERLAP, NOW - 90),
        (0.0, NOW - 3 * 3600, OVERLAP, NOW - 3 * 3600 - 600),
        (0.0, NOW - 9 * 86_400, OVERLAP, NOW - FURTHEST),
        (NOW, NOW, OVERLAP, NOW - SKEW),
        (NOW - 100, NOW - 60, OVERLAP, NOW - 100 - SKEW),
    ],
)
def test_a_list_is_read_back_behind_the_one_before_and_no_further(
    start_time: float, listed_time: float, overlap: float, since: float
) -> None:
    assert Turn(NOW, start_time, listed_time).since(overlap) == since


def test_what_is_covered_lags_behind_the_moment_before_the_list() -> None:
    coverage = Coverage(lag=1.0)
    coverage.cover(None)
    assert coverage.covered_time is None
    coverage.hear(NOW, None)
    asked = coverage.now
    coverage.hear(NOW + 5, None)
    coverage.cover(asked)
    assert coverage.covered_time == NOW - 1.0


@pytest.mark.parametrize(
    ("awaited_time", "covered_time", "awaited"),
    [(None, None, False), (NOW, None, True), (NOW, NOW - 1, True), (NOW, NOW, False), (None, NOW, False)],
)
def test_a_list_is_awaited_until_it_covers_enough(
    awaited_time: float | None, covered_time: float | None, awaited: bool
) -> None:
    assert Coverage(1.0, NOW, awaited_time, covered_time).awaited is awaited


def test_known_texts_are_forgotten_by_age_and_by_number() -> None:
    known = KnownSids(limit=3)
    known.add(text(sid, NOW - age) for sid, age in (("SM1", 40), ("SM2", 30), ("SM3", 20), ("SM4", 10)))
    assert [sid in known for sid in ("SM1", "SM2", "SM3", "SM4")] == [False, True, True, True]
    known.forget_before(NOW - 20)
    assert [sid in known for sid in ("SM2", "SM3", "SM4")] == [False, True, True]
    assert len(known) == 2


def test_a_text_is_tried_so_often_and_no_more() -> None:
    tries = Tries(limit=3)
    assert [tries.exhausted([text("SM1")]) for _ in range(3)] == [[], [], [text("SM1")]]
    assert tries.exhausted([text("SM1")]) == [], "it would have its tries again"


def test_each_text_has_tries_of_its_own() -> None:
    tries = Tries(limit=2)
    assert tries.exhausted([text("SM1")]) == []
    assert tries.exhausted([]) == []
    assert tries.exhausted([text("SM1"), text("SM2")]) == [text("SM1")]


def test_no_number_and_no_text_shows_where_one_is_printed() -> None:
    assert "+1555" not in repr(text("SM1"))
    assert "a text" not in repr(text("SM1"))
