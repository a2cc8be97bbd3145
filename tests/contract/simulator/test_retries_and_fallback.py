"""How often Twilio tries a webhook, when it asks the fallback, and when a text is only in the log."""

import asyncio
import time

import pytest

from parley_simulator.app import running
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OURS, TOKEN, simulator_settings
from tests.contract.simulator.receiver import Answer, Cut, Hang, Receiver, Stop

ANN = "+15550100001"
FAST = "&rt=100"


def results(simulator: Simulator) -> list[tuple[str, ...]]:
    return [record.attempts for record in simulator.world.hooks]


@pytest.mark.parametrize(
    ("fragment", "answers", "attempts", "outcome"),
    [
        # The default: one retry, for a failed connect only.
        ("", [Answer(status=503)], ("503",), "lost"),
        ("", [Answer(status=404)], ("404",), "lost"),
        ("", [Answer(status=429)], ("429",), "lost"),
        ("", [Cut()], ("reset",), "lost"),
        ("rt=100", [Hang()], ("rt",), "lost"),
        # Overrides choose what is retried and how often.
        ("rc=1&rp=5xx", [Answer(status=503)], ("503", "200"), "delivered"),
        ("rc=3&rp=5xx", [Answer(status=500)] * 4, ("500",) * 4, "lost"),
        ("rc=0&rp=all", [Answer(status=500)], ("500",), "lost"),
        ("rc=5&rp=4xx", [Answer(status=429)] * 2, ("429", "429", "200"), "delivered"),
        ("rc=5&rp=4xx", [Answer(status=500)], ("500",), "lost"),
        ("rc=1&rp=ct,rt" + FAST, [Hang()], ("rt", "200"), "delivered"),
        ("rc=2&rp=all" + FAST, [Hang(), Cut(), Answer(status=404)], ("rt", "reset", "404"), "lost"),
        ("rp=5xx", [Answer(status=500)], ("500", "200"), "delivered"),
        # Half an answer is never retried.
        ("rc=5&rp=all", [Stop()], ("partial",), "lost"),
    ],
)
async def test_what_is_retried(
    simulator: Simulator,
    receiver: Receiver,
    fragment: str,
    answers: list[Answer],
    attempts: tuple[str, ...],
    outcome: str,
) -> None:
    simulator.add_number(OURS, sms_url=receiver.url("/sms", fragment))
    receiver.answers = list(answers)
    sent = await simulator.text(ANN, OURS, "hi")
    assert (sent.outcome, results(simulator)) == (outcome, [attempts])
    assert len(receiver.requests) == len(attempts)
    assert len(simulator.messages()) == 1


@pytest.mark.parametrize(
    ("fragment", "attempts"), [("", 2), ("#rc=0", 1), ("#rc=3", 4), ("#rc=3&rp=5xx", 1), ("#rp=all&rc=2", 3)]
)
async def test_a_connect_that_fails_is_tried_again(
    simulator: Simulator, dead_url: str, fragment: str, attempts: int
) -> None:
    simulator.add_number(OURS, sms_url=dead_url + fragment)
    assert (await simulator.text(ANN, OURS, "hi")).outcome == "lost"
    assert results(simulator) == [("ct",) * attempts]
    assert [alert.code for alert in simulator.alerts()] == [11205]


async def test_a_failed_handshake_counts_as_a_failed_connect(simulator: Simulator, receiver: Receiver) -> None:
    # The other side speaks plain HTTP.
    simulator.add_number(OURS, sms_url=receiver.url().replace("http:", "https:"))
    assert (await simulator.text(ANN, OURS, "hi")).outcome == "lost"
    assert len(results(simulator)[0]) == 2
    assert [alert.code for alert in simulator.alerts()] == [11220]


async def test_a_retry_is_the_same_request_again(simulator: Simulator, receiver: Receiver) -> None:
    simulator.add_number(OURS, sms_url=receiver.url("/sms", "rc=1&rp=5xx"))
    receiver.answers = [Answer(status=500)]
    await simulator.text(ANN, OURS, "hi")
    first, second = receiver.requests
    assert first.fields == second.fields
    assert first.headers["I-Twilio-Idempotency-Token"] == second.headers["I-Twilio-Idempotency-Token"]
    assert second.is_signed(TOKEN, receiver.url("/sms"))


async def test_each_attempt_may_have_a_token_of_its_own(receiver: Receiver) -> None:
    async with running(simulator_settings(token_per_attempt=True)) as simulator:
        simulator.add_number(OURS, sms_url=receiver.url("/sms", "rc=1&rp=5xx"))
        receiver.answers = [Answer(status=500)]
        await simulator.text(ANN, OURS, "hi")
    first, second = receiver.requests
    assert first.headers["I-Twilio-Idempotency-Token"] != second.headers["I-Twilio-Idempotency-Token"]


async def test_all_attempts_share_the_total_time(simulator: Simulator, receiver: Receiver) -> None:
    simulator.add_number(OURS, sms_url=receiver.url("/sms", "rc=5&rp=all&rt=600&tt=700"))
    receiver.answers = [Hang() for _ in range(6)]
    started = time.monotonic()
    assert (await simulator.text(ANN, OURS, "hi")).outcome == "lost"
    assert 0.69 < time.monotonic() - started < 3.0
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("fragment", ["rp=sometimes", "rc=6", "ct=5", "rc=x"])
async def test_overrides_that_mean_nothing_are_an_alert_and_the_defaults_hold(
    simulator: Simulator, receiver: Receiver, fragment: str
) -> None:
    simulator.add_number(OURS, sms_url=receiver.url("/sms", fragment))
    assert (await simulator.text(ANN, OURS, "hi")).outcome == "delivered"
    assert [alert.code for alert in simulator.alerts()] == [11243]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(status=503), 11200),
        (Cut(), 11200),
        (Answer(content_type="application/json", body="null"), 12300),
        (Answer(body="<Oops"), 12100),
    ],
)
async def test_the_fallback_is_told_what_failed(
    simulator: Simulator, receiver: Receiver, answer: Answer, code: int
) -> None:
    primary, fallback = receiver.url("/sms?x=1", "rc=0"), receiver.url("/fallback?y=2", "rc=2")
    simulator.add_number(OURS, sms_url=primary, sms_fallback_url=fallback)
    receiver.answers = [answer]
    sent = await simulator.text(ANN, OURS, "hi")
    assert sent.outcome == "fallback"
    first, second = receiver.requests
    assert (first.path, second.path) == ("/sms?x=1", "/fallback?y=2")
    assert second.fields == first.fields | {"ErrorCode": str(code), "ErrorUrl": receiver.url("/sms?x=1")}
    assert second.is_signed(TOKEN, receiver.url("/fallback?y=2"))
    assert [record.kind for record in simulator.world.hooks] == ["inbound", "fallback"]


async def test_the_fallback_follows_after_a_dead_primary(
    simulator: Simulator, receiver: Receiver, dead_url: str
) -> None:
    simulator.add_number(OURS, sms_url=dead_url, sms_fallback_url=receiver.url("/fallback"))
    assert (await simulator.text(ANN, OURS, "hi")).outcome == "fallback"
    assert receiver.requests[0].fields["ErrorCode"] == "11205"


async def test_the_fallbacks_answer_is_obeyed(simulator: Simulator, receiver: Receiver) -> None:
    simulator.add_number(OURS, sms_url=receiver.url(), sms_fallback_url=receiver.url("/fallback"))
    receiver.answers = [Answer(status=500), Answer(body="<Response><Message>sorry</Message></Response>")]
    await simulator.text(ANN, OURS, "hi")
    assert [message.body for message in simulator.outbox(ANN)] == ["sorry"]


async def test_when_the_fallback_fails_too_the_text_is_only_in_the_log(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.add_number(OURS, sms_url=receiver.url(), sms_fallback_url=receiver.url("/fallback"))
    receiver.answers = [Answer(status=500), Answer(status=503)]
    assert (await simulator.text(ANN, OURS, "hi")).outcome == "lost"
    assert len(receiver.requests) == 2
    assert [message.direction for message in simulator.messages()] == ["inbound"]


@pytest.mark.parametrize("host", ["demo.twilio.com", "twilio.com"])
async def test_a_host_of_twilio_itself_is_never_called(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lambda *args, **_: asked.append(args))
    simulator.add_number(OURS, sms_url=f"http://{host}/welcome/sms/reply")
    assert (await simulator.text(ANN, OURS, "hi")).outcome == "lost"
    assert [alert.code for alert in simulator.alerts()] == [11210]
    assert asked == []


async def test_many_webhooks_are_under_way_at_once(simulator: Simulator, receiver: Receiver) -> None:
    simulator.add_number(OURS, sms_url=receiver.url("/sms", "rt=300"))
    receiver.answers = [Hang() for _ in range(20)]
    started = time.monotonic()
    await asyncio.gather(*(simulator.text(f"+1555020{position:04d}", OURS, "hi") for position in range(20)))
    assert time.monotonic() - started < 5.0
    assert len(receiver.requests) == 20
