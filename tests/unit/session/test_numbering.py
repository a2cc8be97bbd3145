"""Which number sends a participant's first text (session rule S4): the one they know, else one of their country."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from parley_session.domain.numbering import Sender, calling_code, choose_sender

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
US, US_TOO, UK, IRELAND = "+12025550100", "+12025550101", "+447700900100", "+353209100100"


def senders(*numbers: str) -> list[Sender]:
    return [Sender(number) for number in numbers]


def test_s4_who_was_texted_before_is_texted_from_the_same_number() -> None:
    known = [Sender(US), Sender(UK, NOON), Sender(IRELAND)]
    assert choose_sender(known, "+12025550111") == UK


def test_s4_of_several_known_numbers_the_latest_sends() -> None:
    known = [Sender(US, NOON), Sender(UK, NOON + timedelta(days=1)), Sender(IRELAND, NOON - timedelta(days=1))]
    assert choose_sender(known, "+12025550111") == UK


@pytest.mark.parametrize(
    ("participant", "expected"), [("+447700900111", UK), ("+353209100111", IRELAND), ("+13125550111", US)]
)
def test_s4_a_stranger_is_texted_from_their_country(participant: str, expected: str) -> None:
    assert choose_sender(senders(US, UK, IRELAND), participant) == expected


def test_s4_a_stranger_of_another_country_is_texted_from_any_number() -> None:
    assert choose_sender(senders(US, UK), "+81312345678") in (US, UK)


def test_s4_without_numbers_nobody_is_texted() -> None:
    assert choose_sender([], "+12025550111") is None


def test_s4_strangers_are_spread_over_the_numbers_and_each_keeps_theirs() -> None:
    numbers = senders(US, US_TOO, UK)
    chosen = {f"+1202555{tail:04}": choose_sender(numbers, f"+1202555{tail:04}") for tail in range(200)}
    assert set(chosen.values()) == {US, US_TOO}
    assert all(choose_sender(numbers, participant) == number for participant, number in chosen.items())
    assert 60 < list(chosen.values()).count(US) < 140


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+12025550100", "1"),
        ("+79161234567", "7"),
        ("+201001234567", "20"),
        ("+27821234567", "27"),
        ("+447700900100", "44"),
        ("+33612345678", "33"),
        ("+353209100100", "353"),
        ("+351912345678", "351"),
        ("+380501234567", "380"),
        ("+420601123456", "420"),
        ("+5511912345678", "55"),
        ("+593991234567", "593"),
        ("+61491570006", "61"),
        ("+6791234567", "679"),
        ("+819012345678", "81"),
        ("+85251234567", "852"),
        ("+8801712345678", "880"),
        ("+919812345678", "91"),
        ("+989121234567", "98"),
        ("+972501234567", "972"),
        ("+2348031234567", "234"),
    ],
)
def test_the_calling_code_of_a_number(number: str, code: str) -> None:
    assert calling_code(number) == code
