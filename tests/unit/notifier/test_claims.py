"""How many sends may be under way: Twilio's answers say so."""

import logging

import pytest

from parley_chassis.lifecycle import Wake
from parley_notifier.domain.circuit import Circuit
from parley_notifier.domain.congestion import Congestion
from parley_notifier.domain.facts import Claim, Finding
from parley_notifier.domain.outcomes import Answer, outcome_of
from parley_notifier.handlers.hold_claims import Claims

CLAIM = Claim("d1", "t1", 1, "+15550001111", "+15550100001", "hello")
NO_KEY = Answer(401, 20003)
OK = Answer(201, 0, "SM1")


# ---- fewer at once


def test_a_refusal_halves_what_may_be_under_way() -> None:
    congestion = Congestion(64)
    assert congestion.throttled(began=1.0, now=2.0, under_way=40)
    assert congestion.limit == 20


def test_all_refusals_of_one_round_count_once() -> None:
    congestion = Congestion(64)
    cuts = [congestion.throttled(began=1.0, now=2.0 + n / 100, under_way=40 - n) for n in range(40)]
    assert (cuts.count(True), congestion.limit) == (1, 20)
    assert not congestion.throttled(began=2.5, now=3.0, under_way=20), "still slow: told once"
    assert congestion.limit == 10


def test_one_at_a_time_goes_on() -> None:
    congestion = Congestion(2)
    for moment in range(10):
        congestion.throttled(began=float(moment), now=float(moment), under_way=1)
    assert congestion.limit == 1


def test_a_round_without_refusal_adds_one() -> None:
    congestion = Congestion(64)
    congestion.throttled(began=1.0, now=2.0, under_way=20)
    for _ in range(congestion.limit):
        congestion.accepted(began=3.0)
    assert congestion.limit == 10
    congestion.accepted(began=3.0)
    assert congestion.limit == 11


def test_what_began_before_the_cut_says_nothing_of_the_new_limit() -> None:
    congestion = Congestion(64)
    congestion.throttled(began=1.0, now=2.0, under_way=20)
    for _ in range(100):
        congestion.accepted(began=1.9)
    assert congestion.limit == 10


def test_the_limit_comes_back_and_that_is_told_once() -> None:
    congestion = Congestion(8)
    congestion.throttled(began=1.0, now=2.0, under_way=8)
    told = [congestion.accepted(began=3.0) for _ in range(100)]
    assert (told.count(True), congestion.limit) == (1, 8)


# ---- the account


def test_a_refused_account_is_tried_with_one_text_after_the_pause() -> None:
    circuit = Circuit(pause=60.0)
    assert circuit.room(10, 0, 0.0) == 10
    assert circuit.refuse(100.0)
    assert not circuit.refuse(101.0), "told once"
    assert circuit.remaining(111.0) == 50.0
    assert [circuit.room(10, 0, now) for now in (102.0, 160.9, 161.0)] == [0, 0, 1]
    assert circuit.room(10, 1, 162.0) == 0, "the one text is under way"


def test_an_answer_closes_the_circuit_if_it_was_asked_for_after_the_refusal() -> None:
    circuit = Circuit(pause=60.0)
    circuit.refuse(100.0)
    assert not circuit.answer(began=99.0)
    assert circuit.room(10, 0, 120.0) == 0
    assert circuit.answer(began=170.0)
    assert circuit.room(10, 5, 171.0) == 10


# ---- what holds the claims


def finding(answer: Answer, began: float = 1e12) -> Finding:
    return Finding(CLAIM, outcome_of(answer), answer, began, began)


def send(claims: Claims, answer: Answer) -> None:
    claims.take([CLAIM])
    claims.finish_send(finding(answer))
    claims.let_go(CLAIM)


@pytest.fixture
async def claims() -> Claims:
    return Claims(8, "me", Wake(), pause=60.0)


async def test_nothing_is_claimed_while_the_account_is_refused(
    claims: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            send(claims, NO_KEY)
        assert claims.allowance == 0
        assert 0 < claims.closed_for <= 60.0
        send(claims, OK)
    assert (claims.allowance, claims.closed_for) == (8, 0.0)
    assert [record.message for record in caplog.records] == ["account_refused", "account_accepted"]


async def test_what_does_not_come_from_twilio_does_not_close_the_circuit(claims: Claims) -> None:
    send(claims, NO_KEY)
    send(claims, Answer())
    send(claims, Answer(503, 20503))
    send(claims, Answer(left=False))
    assert claims.allowance == 0


async def test_fewer_are_claimed_after_a_429(claims: Claims, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        claims.take([CLAIM] * 6)
        claims.finish_send(finding(Answer(429, 20429)))
        claims.finish_send(finding(Answer(429, 20429), began=0.0))
        assert claims.allowance == 0, "three at once, and four are under way"
        claims.finish_send(None)
        claims.finish_send(None)
        assert claims.allowance == 1
    assert [record.message for record in caplog.records] == ["sending_slowed"]


async def test_who_waits_for_room_is_not_woken_while_there_is_none(claims: Claims) -> None:
    send(claims, NO_KEY)
    claims.starve()
    assert not claims._wake._event.is_set()
