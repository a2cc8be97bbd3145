"""What Twilio tells a message's status callback."""

import asyncio
import re
from urllib.parse import quote

import pytest
from twilio.rest import Client

from parley_simulator.app import running
from parley_simulator.domain.messages import Selection
from parley_simulator.errors import BadRequestError
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OURS, TOKEN, eventually, simulator_settings
from tests.contract.simulator.receiver import Answer, Receiver

ANN = "+15550100001"
CALLBACK = "/status?nid=4711&x=" + quote("a b/c")


async def send(client: Client, callback: str, to: str = ANN) -> str:
    message = await asyncio.to_thread(client.messages.create, to=to, from_=OURS, body="hello", status_callback=callback)
    assert message.status == "queued"
    return str(message.sid)


async def test_sent_and_delivered_are_told_and_the_initial_status_is_not(
    simulator: Simulator, client: Client, receiver: Receiver
) -> None:
    sid = await send(client, receiver.url(CALLBACK, "rc=2"))
    sent, delivered = await receiver.wait(2)
    common = {
        "ApiVersion": "2010-04-01",
        "AccountSid": simulator.account_sid,
        "From": OURS,
        "To": ANN,
        "MessageSid": sid,
        "SmsSid": sid,
    }
    assert sent.fields == common | {"MessageStatus": "sent", "SmsStatus": "sent"}
    receipt = delivered.fields.pop("RawDlrDoneDate")
    assert re.fullmatch(r"\d{10}", receipt)
    assert delivered.fields == common | {"MessageStatus": "delivered", "SmsStatus": "delivered"}
    assert sent.path == CALLBACK


async def test_callbacks_are_signed_for_their_url(client: Client, receiver: Receiver) -> None:
    await send(client, receiver.url(CALLBACK, "rc=2&rp=all"))
    for request in await receiver.wait(2):
        assert request.is_signed(TOKEN, receiver.url(CALLBACK))
        assert not request.is_signed(TOKEN, receiver.url("/status"))


async def test_a_callback_follows_the_retry_rules_and_has_no_fallback(
    simulator: Simulator, client: Client, receiver: Receiver
) -> None:
    receiver.answers = [Answer(status=503), Answer(), Answer(status=503), Answer(status=503)]
    await send(client, receiver.url("/status", "rc=1&rp=5xx"))
    await eventually(lambda: len(simulator.world.hooks) == 2)
    assert [record.attempts for record in simulator.world.hooks] == [("503", "200"), ("503", "503")]
    assert len(receiver.requests) == 4


async def test_a_callback_that_fails_is_an_alert(simulator: Simulator, client: Client, dead_url: str) -> None:
    await send(client, dead_url)
    await eventually(lambda: len(simulator.alerts()) == 2)
    assert {alert.code for alert in simulator.alerts()} == {11205}


@pytest.mark.parametrize(("status", "told"), [("undelivered", ["sent", "undelivered"]), ("failed", ["failed"])])
async def test_a_message_that_fails_tells_its_error(
    simulator: Simulator, client: Client, receiver: Receiver, status: str, told: list[str]
) -> None:
    simulator.add_fault("fail", participant=ANN, message_status=status, code=30003)
    sid = await send(client, receiver.url())
    requests = await receiver.wait(len(told))
    assert [request.fields["MessageStatus"] for request in requests] == told
    assert [request.fields.get("ErrorCode") for request in requests] == [None] * (len(told) - 1) + ["30003"]
    message = await asyncio.to_thread(client.messages(sid).fetch)
    assert (message.status, message.error_code) == (status, 30003)


async def test_a_reordered_sent_carries_no_error(simulator: Simulator, client: Client, receiver: Receiver) -> None:
    simulator.add_fault("fail", code=30003)
    simulator.add_fault("reorder_callbacks")
    await send(client, receiver.url())
    told = [(request.fields["MessageStatus"], request.fields.get("ErrorCode")) for request in await receiver.wait(2)]
    assert told == [("undelivered", "30003"), ("sent", None)]


async def test_a_stalled_message_moves_by_hand(simulator: Simulator, client: Client, receiver: Receiver) -> None:
    simulator.add_fault("stall")
    sid = await send(client, receiver.url())
    simulator.move(sid, "sent")
    await receiver.wait(1)
    simulator.move(sid, "undelivered", 30005)
    requests = await receiver.wait(2)
    assert [request.fields["MessageStatus"] for request in requests] == ["sent", "undelivered"]
    assert requests[1].fields["ErrorCode"] == "30005"


async def test_what_was_planned_for_a_message_moved_by_hand_is_off(receiver: Receiver) -> None:
    async with running(simulator_settings(sent_delay=0.05)) as simulator:
        simulator.add_number(OURS, sms_url=receiver.url())
        receiver.answers = [
            Answer(content_type="text/plain", body="one"),
            Answer(content_type="text/plain", body="two"),
        ]
        await simulator.text(ANN, OURS, "hi")
        await simulator.text(ANN, OURS, "hi")
        by_hand, planned = simulator.outbox(ANN)
        simulator.move(by_hand.sid, "failed", 30006)
        await simulator.wait_for_messages(Selection(status="delivered"), 1, 5.0)
        assert (by_hand.status, by_hand.error_code, planned.status) == ("failed", 30006, "delivered")


async def test_only_outbound_messages_can_be_moved_to_real_statuses(simulator: Simulator) -> None:
    inbound = (await simulator.text(ANN, OURS, "hi")).message.sid
    with pytest.raises(BadRequestError, match=r"^sid"):
        simulator.move(inbound, "sent")
    with pytest.raises(BadRequestError, match=r"^sid"):
        simulator.move("SM0", "sent")


async def test_a_slow_sender_sends_one_segment_after_the_other(receiver: Receiver) -> None:
    async with running(simulator_settings(segments_per_second=10.0)) as simulator:
        simulator.add_number(OURS, sms_url=receiver.url())
        receiver.answers = [Answer(content_type="text/plain", body="a" * 306)] * 2
        await simulator.text(ANN, OURS, "hi")
        await simulator.text(ANN, OURS, "hi")
        first, second = await simulator.wait_for_messages(Selection(status="delivered", outbound=True), 2, 5.0)
        assert first.sent is not None
        assert second.sent is not None
        assert second.sent - first.sent > 0.15
