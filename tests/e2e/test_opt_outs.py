"""Session rule S10 and the limits: STOP, START, HELP, and texts that no agent is given."""

from __future__ import annotations

import asyncio

import pytest

from parley_simulator.domain.keywords import Keyword
from parley_simulator.handlers.configure_service import ServiceChange
from tests.e2e.conftest import Conversation, NewConversation

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def talking(talk_to: NewConversation, agent: str = "handing") -> Conversation:
    conversation = await talk_to(agent)
    await conversation.text("Hello")
    await conversation.replies(1)
    return conversation


@pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe ", "Stop."])
async def test_s10_stop_ends_the_session_and_nobody_is_texted_any_more(talk_to: NewConversation, word: str) -> None:
    """ "Stop." is matched by us alone: Twilio would let our texts through."""
    conversation = await talking(talk_to)
    await conversation.text(word)
    await conversation.until("opted_out")
    await conversation.text("Are you there?")
    assert (await conversation.send("An offer"))[0] == 409
    assert [(text, why) for text, why in await conversation.all_texts() if why in ("stop", "opted_out")] == [
        (word, "stop"),
        ("Are you there?", "opted_out"),
    ]
    assert len(await conversation.replies(1)) == 1, "we say nothing"


@pytest.mark.parametrize("word", ["START", "unstop", "Yes"])
async def test_s10_start_lets_the_participant_in_again(talk_to: NewConversation, word: str) -> None:
    conversation = await talking(talk_to)
    await conversation.text("STOP")
    await conversation.until("opted_out")
    await conversation.text(word)
    await conversation.text("Hello again")
    assert (await conversation.replies(2))[-1].startswith("heard Hello again")
    assert await conversation.states() == ["opted_out", "open"]


async def test_s10_a_start_that_twilio_does_not_know_is_undone_by_its_refusal(talk_to: NewConversation) -> None:
    """ "Unstop!" is matched by us alone: Twilio still refuses to send (21610), and that is the last word."""
    conversation = await talking(talk_to)
    await conversation.text("STOP")
    await conversation.until("opted_out")
    await conversation.text("Unstop!")
    await conversation.text("Hello again")
    await conversation.until("opted_out", "opted_out")
    await conversation.text("Hm?")
    assert [text for text, why in await conversation.all_texts() if why == "opted_out"] == ["Hm?"]
    assert len(await conversation.replies(1)) == 1


async def test_s10_yes_is_an_answer_to_whoever_has_not_opted_out(talk_to: NewConversation) -> None:
    conversation = await talking(talk_to)
    await conversation.text("YES")
    assert (await conversation.replies(2))[-1].startswith("heard YES")


async def test_s10_help_reaches_no_agent_and_is_no_activity(talk_to: NewConversation) -> None:
    conversation = await talking(talk_to)
    await conversation.skip(hours=23)
    await conversation.text("HELP")
    await conversation.skip(hours=1)
    assert (await conversation.replies(2))[-1].startswith("Are you still there?")
    assert ("HELP", "help") in await conversation.all_texts()


async def test_s10_what_was_not_sent_yet_is_taken_back(talk_to: NewConversation) -> None:
    """A reply waits at Twilio's door, refused for the moment, while the participant opts out."""
    conversation = await talking(talk_to)
    conversation.stack.simulator.add_fault("rate_limit", participant=conversation.participant, count=None)
    await conversation.text("How much is it?")
    async with asyncio.timeout(10):
        while len(await conversation.all_texts()) < 4:
            await asyncio.sleep(0.02)
    await conversation.text("STOP")
    conversation.stack.simulator.clear_faults()
    async with asyncio.timeout(20):
        while (await conversation.all_texts())[3][1] not in ("8", "9"):
            await asyncio.sleep(0.05)
    assert len(await conversation.replies(1)) == 1


async def test_s10_advanced_opt_out_knows_other_words(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    words = {Keyword.STOP: ("ARRET",)}
    conversation.stack.simulator.set_service(
        ServiceChange(numbers=(conversation.number,), use_inbound_webhook_on_number=True, advanced_opt_out=words)
    )
    await conversation.api.update_number(conversation.number, "handing", keywords="advanced")
    await conversation.text("Bonjour")
    await conversation.replies(1)
    await conversation.text("Arret")
    await conversation.until("opted_out")


async def test_s10_a_participant_who_opted_out_of_a_pool_hears_from_none_of_its_numbers(
    talk_to: NewConversation,
) -> None:
    one, other = await talking(talk_to), await talk_to("handing")
    other.participant = one.participant
    for conversation in (one, other):
        await conversation.api.update_number(conversation.number, "handing", opt_out_scope="MG" + "1" * 32)
    await one.text("STOP")
    await one.until("opted_out")
    assert (await other.send("An offer"))[0] == 409
    await other.text("Hello?")
    assert [text for text, why in await other.all_texts() if why == "opted_out"] == ["Hello?"]


async def test_a_participant_who_texts_too_fast_is_not_answered(talk_to: NewConversation) -> None:
    conversation = await talk_to("polite")
    for number in range(4):
        await conversation.text(f"text {number}")
    assert [why for _, why in await conversation.all_texts() if why == "text_limit"] == ["text_limit"]
    await conversation.skip(minutes=1)
    await conversation.text("and now?")
    assert dict(await conversation.all_texts())["and now?"] == ""


async def test_a_participant_who_repeats_themselves_is_blocked_for_ten_minutes(talk_to: NewConversation) -> None:
    conversation = await talk_to("polite")
    await conversation.text("offer!")
    await conversation.text("offer!")
    await conversation.text("something else")
    ignored = [(text, why) for text, why in await conversation.all_texts() if why == "repeat_limit"]
    assert ignored == [("offer!", "repeat_limit"), ("something else", "repeat_limit")]
    await conversation.skip(minutes=10)
    await conversation.text("sorry")
    assert dict(await conversation.all_texts())["sorry"] == ""
