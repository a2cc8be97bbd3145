"""One message as Twilio has it: how it stands, or that nothing can be learned about it, or that nobody answers."""

from __future__ import annotations

import pytest

from parley_notifier.adapters.twilio.carrier import TwilioCarrier, twilio_carrier
from parley_notifier.domain.polls import Standing
from parley_notifier.errors import CarrierUnavailable
from parley_simulator.simulator import Simulator
from tests.contract.notifier.carriers import LIMITS, NEVER, account, claim, saying, something_that_answers

MESSAGE = "SM" + "a" * 32


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def asked_of(said: bytes, sid: str = MESSAGE) -> Standing | None:
    async with something_that_answers(saying(said)) as url, twilio_carrier(account(url), LIMITS) as asking:
        return await asking.get_message(sid)


async def test_a_message_says_how_it_stands(carrier: TwilioCarrier, simulator: Simulator) -> None:
    sid = (await carrier.send(claim(), NEVER)).sid
    simulator.move(sid, "sent")
    assert await carrier.get_message(sid) == Standing("sent", 0)
    simulator.move(sid, "undelivered", 30003)
    assert await carrier.get_message(sid) == Standing("undelivered", 30003)


async def test_a_message_that_was_deleted_tells_nothing(carrier: TwilioCarrier) -> None:
    assert await carrier.get_message(MESSAGE) is None


async def test_a_sid_that_is_none_is_not_asked_for(carrier: TwilioCarrier, simulator: Simulator) -> None:
    assert await carrier.get_message("../Calls/CA1") is None
    assert simulator.calls() == []


@pytest.mark.parametrize(
    "said",
    [
        answer(b'{"code": 20429}', b"429 Too Many Requests"),
        answer(b'{"code": 20003}', b"401 Unauthorized"),
        answer(b"oops", b"500 Internal Server Error"),
        answer(b"<html>"),
        answer(b'{"status": 7}'),
        b"no HTTP",
        b"",
    ],
)
async def test_anything_else_is_no_answer(said: bytes) -> None:
    with pytest.raises(CarrierUnavailable, match="the message was not read") as refusal:
        await asked_of(said)
    assert MESSAGE not in str(refusal.value)
