"""The tally: what it tells once, it does not tell again."""

from parley_gateway.domain.tally import Tally


def test_news_are_what_happened_since_the_last_ones() -> None:
    tally = Tally()
    tally.refusals["BAD_SIGNATURE"] += 2
    assert tally.news() == {"BAD_SIGNATURE": 2}
    assert tally.news() == {}
    tally.refusals["BAD_SIGNATURE"] += 1
    tally.refusals["MALFORMED"] += 1
    assert tally.news() == {"BAD_SIGNATURE": 1, "MALFORMED": 1}
