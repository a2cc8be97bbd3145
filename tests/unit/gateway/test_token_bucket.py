"""How fast a key may call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_gateway.domain.token_bucket import TokenBucket, TokenBuckets


def test_a_seconds_worth_may_come_at_once_and_no_more() -> None:
    bucket = TokenBucket(10, now=0.0)
    assert [bucket.take(0.0) for _ in range(10)] == [0.0] * 10
    assert bucket.take(0.0) == pytest.approx(0.1)


def test_after_the_wait_that_was_told_a_call_may_be_made() -> None:
    bucket = TokenBucket(10, now=0.0)
    for _ in range(10):
        bucket.take(0.0)
    wait = bucket.take(0.0)
    assert bucket.take(wait * 0.9) > 0
    assert bucket.take(wait * 1.001) == 0


def test_a_rest_fills_the_bucket_to_its_rim() -> None:
    bucket = TokenBucket(2, now=0.0)
    assert [bucket.take(1000.0) > 0 for _ in range(3)] == [False, False, True]


def test_a_rate_below_one_lets_one_call_through() -> None:
    bucket = TokenBucket(0.1, now=0.0)
    assert bucket.take(0.0) == 0
    assert bucket.take(0.0) == pytest.approx(10)


@given(st.floats(0.1, 500), st.lists(st.floats(0, 2), max_size=200))
def test_in_no_time_are_there_more_calls_than_the_rate_allows(rate: float, pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate, now=0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now) == 0
    assert taken <= max(rate, 1) + now * rate + 1e-6


def test_keys_have_buckets_of_their_own() -> None:
    buckets = TokenBuckets(1, limit=10)
    assert [buckets.take(key, 0.0) > 0 for key in ("a", "a", "b", "b")] == [False, True, False, True]


def test_a_rate_of_nothing_is_no_bound() -> None:
    buckets = TokenBuckets(0, limit=10)
    assert {buckets.take("a", 0.0) for _ in range(1000)} == {0.0}


def test_of_too_many_buckets_the_one_unused_for_longest_goes() -> None:
    buckets = TokenBuckets(1, limit=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, 0.0)
    assert buckets.take("a", 0.0) > 0
    assert buckets.take("b", 0.0) == 0
