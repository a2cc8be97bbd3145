"""Which functions a turn calls, and with what."""

from __future__ import annotations

from typing import Any

import pytest

from parley_agent.domain.turn import Plan, Turn, plan


def turn(event: str, **fields: Any) -> Turn:
    return Turn("t", "s", "sms", "+15005550006", "+15005550001", "", [], event, **fields)


TEXTS = [("one", []), ("", ["https://example.org/cat.png"]), ("two", [])]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (turn("start", texts=TEXTS, greet=True), Plan(start=True, greet=True)),
        (turn("start", texts=TEXTS, answer=True), Plan(start=True, respond_to="one\ntwo")),
        (turn("start", texts=TEXTS, greet=True, answer=True), Plan(start=True, greet=True, respond_to="one\ntwo")),
        (turn("start"), Plan(start=True)),
        (turn("start", answer=True), Plan(start=True)),
        (turn("message", texts=TEXTS), Plan(respond_to="one\ntwo")),
        (turn("message", texts=[("", [])]), Plan(respond_to="")),
        (turn("end"), Plan(end=True)),
    ],
    ids=["greet", "answer", "both", "silent start", "nothing to answer", "message", "only media", "end"],
)
def test_an_event_calls_its_functions(given: Turn, expected: Plan) -> None:
    assert plan(given) == expected


def test_a_turn_shows_neither_texts_nor_numbers() -> None:
    shown = repr(turn("message", texts=[("a secret", [])]))
    assert "secret" not in shown
    assert "5550006" not in shown
