"""What the phone page is told: at once, whole, and after a break only what it has missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from parley_simulator.app import running
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OURS, simulator_settings
from tests.contract.simulator.event_stream import Event, listening_to
from tests.contract.simulator.receiver import Answer, Receiver

PARTICIPANT = "+15557770001"
TRACE, SPAN = "a" * 32, "b" * 16


def is_message(**fields: object) -> Callable[[Event], bool]:
    return lambda event: event.kind == "message" and all(event.data[name] == value for name, value in fields.items())


async def test_a_page_that_opens_is_told_everything(simulator: Simulator) -> None:
    inbound = await simulator.text(PARTICIPANT, OURS, "Hi", wait=False)
    async with listening_to(simulator.control_url) as stream:
        forget, state, message = [await stream.next() for _ in range(3)]
    assert forget is not None
    assert state is not None
    assert message is not None
    assert (forget.kind, state.kind) == ("forget", "state")
    assert [number["phone_number"] for number in state.data["numbers"]] == ["+15550001111", "+15550002222"]
    assert message.data["sid"] == inbound.message.sid
    assert message.data["segments"] == 1


async def test_a_text_is_followed_from_its_webhook_to_its_report(
    wired: Simulator, receiver: Receiver, client: Client
) -> None:
    async with listening_to(wired.control_url) as stream:
        inbound = await wired.text(PARTICIPANT, OURS, "Hi")
        webhook = await stream.until(lambda e: is_message(sid=inbound.message.sid)(e) and e.data["stations"][0]["end"])
        callback = receiver.url("/status/delivery-1")
        sent = await asyncio.to_thread(
            client.messages.create, from_=OURS, to=PARTICIPANT, body="Hello", status_callback=callback
        )
        done = await stream.until(lambda e: is_message(sid=sent.sid)(e) and told(e) == ["sent", "delivered"])
    (call,) = webhook.data["stations"]
    assert (call["name"], call["result"], call["failed"]) == ("inbound", "200", False)
    assert done.data["status"] == "delivered"
    assert [(station["name"], station["result"]) for station in done.data["stations"]] == [
        ("post", "201"),
        ("status", "200"),
        ("status", "200"),
    ]


def told(event: Event) -> list[str]:
    return [station["about"] for station in event.data["stations"] if station["about"] and station["end"]]


async def test_a_webhook_is_shown_while_it_is_under_way(wired: Simulator, receiver: Receiver) -> None:
    receiver.answers = [Answer(status=500), Answer()]
    async with listening_to(wired.control_url) as stream:
        await wired.text(PARTICIPANT, OURS, "Hi", wait=False)
        await stream.until(lambda e: e.kind == "message" and bool(e.data["stations"]))
        answered = await stream.until(lambda e: e.kind == "message" and e.data["stations"][-1]["end"] is not None)
    begun = next(event for event in stream.seen if event.kind == "message" and event.data["stations"])
    assert begun.data["stations"][0]["end"] is None
    assert answered.data["stations"][0]["failed"] is True


async def test_a_post_that_was_refused_is_a_station_of_the_text_that_came_after_it(
    wired: Simulator, receiver: Receiver, client: Client
) -> None:
    wired.add_fault("rate_limit")
    text = {"from_": OURS, "to": PARTICIPANT, "body": "Hello", "status_callback": receiver.url("/status/delivery-1")}
    with pytest.raises(TwilioRestException, match="429"):
        await asyncio.to_thread(client.messages.create, **text)
    sent = await asyncio.to_thread(client.messages.create, **text)
    async with listening_to(wired.control_url) as stream:
        message = await stream.until(is_message(sid=sent.sid))
    posts = [(s["result"], s["failed"]) for s in message.data["stations"] if s["name"] == "post"]
    assert posts == [("429", True), ("201", False)]


async def test_a_lost_webhook_is_a_station_too(wired: Simulator) -> None:
    wired.add_fault("lose_inbound")
    inbound = await wired.text(PARTICIPANT, OURS, "Hi")
    async with listening_to(wired.control_url) as stream:
        message = await stream.until(is_message(sid=inbound.message.sid))
    assert [(s["name"], s["result"]) for s in message.data["stations"]] == [("inbound", "lost")]


async def test_spans_of_the_services_come_as_they_begin_and_end(wired: Simulator) -> None:
    inbound = await wired.text(PARTICIPANT, OURS, "Hi")
    stations = wired.stations
    async with listening_to(wired.control_url) as stream:
        stations.span_begun(TRACE, SPAN, "gateway.receive_webhook", 1.0, {"message_sid": inbound.message.sid})
        await stream.until(is_message(sid=inbound.message.sid, trace=TRACE))
        begun = await stream.until(lambda event: event.kind == "trace")
        stations.span_ended(TRACE, SPAN, 2.0, failed=False)
        ended = await stream.until(lambda event: event.kind == "trace" and event.data["spans"][0]["end"] is not None)
    assert begun.data["spans"][0] == {
        "name": "gateway.receive_webhook",
        "begin": 1.0,
        "end": None,
        "about": "",
        "result": "",
        "failed": False,
    }
    assert ended.data["spans"][0]["end"] == 2.0


async def test_a_page_that_was_away_is_told_only_what_it_missed(simulator: Simulator) -> None:
    first = await simulator.text(PARTICIPANT, OURS, "one", wait=False)
    async with listening_to(simulator.control_url) as stream:
        await stream.until(is_message(sid=first.message.sid))
        left_off = stream.last_id
    second = await simulator.text(PARTICIPANT, OURS, "two", wait=False)
    async with listening_to(simulator.control_url, left_off) as stream:
        await stream.until(is_message(sid=second.message.sid))
    assert [event.kind for event in stream.seen] == ["state", "message"]


async def test_a_page_of_another_simulator_begins_anew(simulator: Simulator) -> None:
    inbound = await simulator.text(PARTICIPANT, OURS, "one", wait=False)
    async with running(simulator_settings()) as other, listening_to(other.control_url) as stream:
        await stream.until(lambda event: event.kind == "forget")
        foreign = stream.last_id
    for last_event_id in (foreign, "nonsense", "1.x"):
        async with listening_to(simulator.control_url, last_event_id) as stream:
            await stream.until(is_message(sid=inbound.message.sid))
        assert stream.seen[0].kind == "forget"


async def test_a_reset_is_told_and_what_comes_after_it_too(simulator: Simulator) -> None:
    async with listening_to(simulator.control_url) as stream:
        before = await simulator.text(PARTICIPANT, OURS, "old", wait=False)
        await stream.until(is_message(sid=before.message.sid))
        simulator.reset()
        await stream.until(lambda event: event.kind == "forget")
        after = await simulator.text(PARTICIPANT, OURS, "new", wait=False)
        await stream.until(is_message(sid=after.message.sid))


async def test_switches_and_numbers_are_told_when_they_change(simulator: Simulator) -> None:
    async with listening_to(simulator.control_url) as stream:
        await stream.until(lambda event: event.kind == "state" and not event.data["faults"])
        fault = simulator.add_fault("rate_limit")
        await stream.until(lambda event: event.kind == "state" and len(event.data["faults"]) == 1)
        simulator.clear_faults(fault.id)
        await stream.until(lambda event: event.kind == "state" and not event.data["faults"])
        simulator.add_number("+15550003333")
        await stream.until(lambda event: event.kind == "state" and len(event.data["numbers"]) == 3)


async def test_a_simulator_that_stops_does_not_wait_for_its_pages() -> None:
    loop = asyncio.get_running_loop()
    async with running(simulator_settings()) as simulator:
        context = listening_to(simulator.control_url)
        stream = await context.__aenter__()
        await stream.until(lambda event: event.kind == "state")
        stopping = loop.time()
    assert loop.time() - stopping < 0.8
    assert await stream.next() is None
    await context.__aexit__(None, None, None)
