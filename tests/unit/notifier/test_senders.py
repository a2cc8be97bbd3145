"""Senders: what holds one back, and the turns of its pace."""

import pytest

from parley_notifier.domain.delivery import Delivery
from parley_notifier.domain.sender import ASLEEP, BURST, HORIZON, KEPT, Sender, Senders

NOW = 1_000_000.0
NUMBER = "+15550001111"


def text(characters: int = 10) -> Delivery:
    return Delivery("d", "t", 1, "x" * characters, due_time=NOW)


def paced(rate: float, next_time: float | None = 0.0) -> Senders:
    return Senders({NUMBER: Sender(NUMBER, segments_per_second=rate, next_time=next_time)})


def turns(senders: Senders, texts: int, characters: int = 10, now: float = NOW) -> list[float]:
    """When each of so many texts may go out, in seconds from now."""
    heads = [text(characters) for _ in range(texts)]
    for head in heads:
        senders.has_turn(NUMBER, head, now)
    return [(head.due_time or 0.0) - now for head in heads]


def test_a_sender_of_which_nothing_is_known_is_not_held_back() -> None:
    assert Senders().blocked_until(NUMBER, NOW) is None
    assert Senders().has_turn(NUMBER, text(), NOW)


@pytest.mark.parametrize(
    ("sender", "closed", "until"),
    [
        (Sender(NUMBER), 0.0, None),
        (Sender(NUMBER, sending_paused=True), 0.0, ASLEEP),
        (Sender(NUMBER, sending_paused=True, paused_until=NOW + 5), NOW + 9, ASLEEP),
        (Sender(NUMBER, paused_until=NOW + 5), 0.0, NOW + 5),
        (Sender(NUMBER, paused_until=NOW), 0.0, None),
        (Sender(NUMBER, paused_until=NOW + 5), NOW + 9, NOW + 9),
        (Sender(NUMBER), NOW + 9, NOW + 9),
        (Sender(NUMBER), NOW, None),
    ],
)
def test_what_holds_a_sender_back_longest_counts(sender: Sender, closed: float, until: float | None) -> None:
    assert Senders({NUMBER: sender}, closed).blocked_until(NUMBER, NOW) == until


def test_a_pace_spreads_texts_after_a_burst() -> None:
    assert turns(paced(2.0), 6) == [0.0, 0.0, 0.0, 0.5, 1.0, 1.5]


def test_a_pace_counts_segments() -> None:
    assert turns(paced(1.0), 4, characters=300) == [0.0, 1.0, 3.0, 5.0]


def test_over_a_minute_no_more_goes_out_than_the_pace_and_a_burst() -> None:
    rate = 3.0
    given = [turn for turn in turns(paced(rate), 400) if turn < HORIZON]
    assert len(given) == pytest.approx(rate * (HORIZON + BURST), abs=1)


def test_turns_are_given_no_further_ahead_than_another_pace_may_wait() -> None:
    senders, head = paced(1.0, NOW + HORIZON + 10), text()
    assert not senders.has_turn(NUMBER, head, NOW)
    assert (head.due_time, head.paced, senders.used) == (NOW + HORIZON, False, {})


def test_who_comes_for_a_turn_has_it_and_takes_nothing_more() -> None:
    senders, head = paced(1.0, NOW + 3), text()
    assert not senders.has_turn(NUMBER, head, NOW)
    assert head.due_time == NOW + 2
    later = paced(1.0, NOW + 100)
    assert later.has_turn(NUMBER, head, NOW + 2.2)
    assert later.used == {}


def test_a_turn_that_was_let_pass_is_given_anew() -> None:
    senders, head = paced(1.0, NOW + 100), text()
    head.paced, head.due_time = True, NOW - KEPT - 1
    assert not senders.has_turn(NUMBER, head, NOW)
    assert head.due_time == NOW + HORIZON


def test_a_pace_that_another_batch_takes_from_gives_no_turn() -> None:
    senders, head = paced(1.0, next_time=None), text()
    assert not senders.has_turn(NUMBER, head, NOW)
    assert (head.due_time, head.paced, senders.used) == (NOW, False, {})
