"""STOP, START and HELP as Twilio handles them, with the webhook called all the same."""

import asyncio

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from parley_simulator.domain.messages import Selection
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, Control
from tests.contract.simulator.receiver import Answer, Receiver

ANN, BEN, TOLL_FREE = "+15550100001", "+15550100002", "+18005550100"


async def refusal(client: Client, to: str, from_: str = OURS) -> int | None:
    try:
        await asyncio.to_thread(client.messages.create, to=to, from_=from_, body="x")
    except TwilioRestException as error:
        return int(error.code)
    return None


STOPS = ["STOP", "stop", "StopAll", " Unsubscribe ", "cancel", "End", "quit", "OptOut", "revoke"]


@pytest.mark.parametrize("word", STOPS)
async def test_stop_is_answered_passed_on_and_blocks_the_pair(
    wired: Simulator, client: Client, receiver: Receiver, word: str
) -> None:
    await wired.text(ANN, OURS, word)
    assert receiver.requests[0].fields["Body"] == word
    assert "OptOutType" not in receiver.requests[0].fields
    (answer,) = wired.outbox(ANN, automatic=True)
    assert answer.automatic
    assert answer.body.startswith("You have successfully been unsubscribed.")
    assert wired.outbox(ANN) == []
    assert await refusal(client, ANN) == 21610
    assert await refusal(client, BEN) is None
    assert await refusal(client, ANN, OTHER) is None


@pytest.mark.parametrize("word", ["START", "yes", "Unstop"])
async def test_start_lifts_the_block(wired: Simulator, client: Client, word: str) -> None:
    await wired.text(ANN, OURS, "STOP")
    await wired.text(ANN, OURS, word)
    assert await refusal(client, ANN) is None
    answers = [message.body for message in wired.outbox(ANN, automatic=True)]
    assert any("re-subscribed" in answer for answer in answers)


async def test_help_is_answered_and_blocks_nothing(wired: Simulator, client: Client) -> None:
    await wired.text(ANN, OURS, "help")
    assert [m.body for m in wired.outbox(ANN, automatic=True)] == [
        "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
    ]
    assert await refusal(client, ANN) is None


async def test_a_fault_waits_for_a_message_of_the_account(wired: Simulator, client: Client) -> None:
    fault = wired.add_fault("stall")
    await wired.text(ANN, OURS, "HELP")
    await wired.wait_for_messages(Selection(outbound=True, status="delivered"), 1, 5.0)
    assert fault.strikes == 0
    assert await refusal(client, BEN) is None
    assert fault.strikes == 1


async def test_a_number_without_webhook_blocks_too(simulator: Simulator, client: Client) -> None:
    await simulator.text(ANN, OURS, "STOP")
    assert await refusal(client, ANN) == 21610


@pytest.mark.parametrize("body", ["STOP PLEASE", "Stop.", "STOP!"])
async def test_a_text_with_more_than_stop_in_it_is_no_keyword(wired: Simulator, client: Client, body: str) -> None:
    await wired.text(ANN, OURS, body)
    assert wired.outbox(ANN, automatic=True) == []
    assert await refusal(client, ANN) is None


async def test_a_toll_free_block_shows_only_afterwards(simulator: Simulator, client: Client) -> None:
    simulator.add_number(TOLL_FREE)
    await simulator.text(ANN, TOLL_FREE, "STOP")
    assert await refusal(client, ANN, TOLL_FREE) is None
    (message,) = await simulator.wait_for_messages(Selection(status="undelivered"), 1, 5.0)
    assert message.error_code == 30004
    await simulator.text(ANN, TOLL_FREE, "YES")
    assert (TOLL_FREE, ANN) in simulator.world.opt_outs
    await simulator.text(ANN, TOLL_FREE, "unstop")
    assert (TOLL_FREE, ANN) not in simulator.world.opt_outs


async def test_a_block_may_show_late(
    simulator: Simulator, client: Client, control: Control, receiver: Receiver
) -> None:
    await simulator.text(ANN, OURS, "STOP")
    async with control.post("/opt-outs", json={"late": True}) as response:
        assert await response.json() == {"late": True, "opt_outs": [{"sender": OURS, "participant": ANN}]}
    callback = receiver.url("/status")
    sent = await asyncio.to_thread(
        lambda: client.messages.create(to=ANN, from_=OURS, body="x", status_callback=callback)
    )
    assert (sent.status, sent.error_code) == ("queued", None)
    (told,) = await receiver.wait(1)
    assert (told.fields["MessageStatus"], told.fields["ErrorCode"]) == ("failed", "21610")
    fetched = await asyncio.to_thread(client.messages(sent.sid or "").fetch)
    assert (fetched.status, fetched.error_code) == ("failed", 21610)
    async with control.post("/opt-outs", json={"late": False}):
        assert await refusal(client, ANN) == 21610


async def test_a_reply_of_the_webhook_to_somebody_blocked_is_not_sent(wired: Simulator, receiver: Receiver) -> None:
    receiver.answers.append(Answer(body="<Response><Message>Bye!</Message></Response>"))
    await wired.text(ANN, OURS, "STOP")
    assert wired.outbox(ANN) == []
    assert [alert.code for alert in wired.alerts()] == [21610]


async def test_twilios_answer_is_in_the_list_as_a_reply(wired: Simulator, client: Client) -> None:
    await wired.text(ANN, OURS, "STOP")
    listed = await asyncio.to_thread(lambda: client.messages.list(to=ANN))
    assert [(message.direction, message.from_) for message in listed] == [("outbound-reply", OURS)]
