"""What a watcher was told: what is news, what may still change, and the place that nothing is missed behind."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from parley_session.domain.told import Shown, Told

OURS, NEXT = "ours", "next"


def sent(state: int) -> Shown:
    return Shown(OURS, state, "")


TEXT = Shown(OURS, 0, "")


def test_what_was_told_is_news_only_when_it_has_changed() -> None:
    told = Told(OURS, 0)
    assert told.is_news(1, sent(1))
    told.tell(1, sent(1), is_taken=True)
    assert not told.is_news(1, sent(1))
    assert told.is_news(1, sent(3))


def test_a_message_is_settled_when_its_delivery_is_final() -> None:
    told = Told(OURS, 0)
    for state in (1, 2, 3, 4):
        told.tell(1, sent(state), is_taken=True)
        assert (told.settled, told.awaits_delivery) == (0, True)
    told.tell(1, sent(5), is_taken=True)
    assert (told.settled, told.awaits_delivery) == (1, False)


def test_a_text_is_settled_when_it_is_taken_and_awaits_no_delivery() -> None:
    told = Told(OURS, 0)
    told.tell(1, TEXT, is_taken=False)
    assert (told.settled, told.awaits_delivery) == (0, False)
    told.tell(1, TEXT, is_taken=True)
    assert told.settled == 1


def test_a_text_that_moved_to_the_next_session_is_news_and_settled() -> None:
    told = Told(OURS, 0)
    told.tell(1, TEXT, is_taken=False)
    assert told.is_news(1, TEXT._replace(session_id=NEXT))
    told.tell(1, TEXT._replace(session_id=NEXT), is_taken=False)
    assert told.settled == 1


def test_the_place_stays_before_the_first_message_that_may_change() -> None:
    told = Told(OURS, 4)
    for position, state in ((5, 5), (6, 1), (7, 1), (8, 5)):
        told.tell(position, sent(state), is_taken=True)
    assert told.settled == 5
    told.tell(7, sent(5), is_taken=True)
    assert told.settled == 5
    told.tell(6, sent(5), is_taken=True)
    assert told.settled == 8


@st.composite
def lives(draw: st.DrawFn) -> list[list[int]]:
    """How the delivery states of some messages stood at each look: they grow, and messages are added."""
    looks: list[list[int]] = [[]]
    for _ in range(draw(st.integers(1, 8))):
        grown = [max(state, draw(st.integers(1, 6))) if state < 5 else state for state in looks[-1]]
        looks.append(grown + draw(st.lists(st.integers(1, 6), max_size=3)))
    return looks


@given(lives(), st.data())
def test_whoever_continues_from_any_place_knows_the_last_state_of_everything(
    looks: list[list[int]], data: st.DataObject
) -> None:
    known: dict[int, int] = {}
    told = Told(OURS, 0)
    for look in looks:
        for position, state in news(told, look):
            known[position] = state
            if data.draw(st.booleans(), label="cut"):
                told = Told(OURS, told.settled)
                break
    # The one that stays to the end.
    known |= dict(news(told, looks[-1]))
    assert known == dict(enumerate(looks[-1], start=1))


def news(told: Told, look: list[int]) -> Iterator[tuple[int, int]]:
    """As a watcher looks: behind what was told, and at what may have changed."""
    for position, state in enumerate(look, start=1):
        if position > told.last or position in told.unsettled:
            is_news = told.is_news(position, sent(state))
            told.tell(position, sent(state), is_taken=True)
            if is_news:
                yield position, state
