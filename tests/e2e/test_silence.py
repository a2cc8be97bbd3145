"""Session rules S6, S7 and S8: silence, the warning, a reply within its grace, and the end. Days pass by skipping."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Conversation, NewConversation

pytestmark = pytest.mark.asyncio(loop_scope="session")

WARNING, CLOSING = "Anybody there?", "Closing now."


async def engaged(talk_to: NewConversation) -> Conversation:
    conversation = await talk_to("closing")
    await conversation.text("Hello")
    await conversation.replies(1)
    return conversation


async def warned(talk_to: NewConversation) -> Conversation:
    """The warning has reached the phone, and its acceptance the session service."""
    conversation = await engaged(talk_to)
    await conversation.skip(hours=24)
    await conversation.replies(2)
    await conversation.grace_begun()
    return conversation


async def test_s6_a_day_of_silence_brings_a_warning_and_not_an_hour_less(talk_to: NewConversation) -> None:
    conversation = await engaged(talk_to)
    await conversation.skip(hours=23)
    await conversation.text("Still me")
    await conversation.replies(2)
    await conversation.skip(hours=23)
    assert (await conversation.replies(2))[-1] == "heard Still me", "the silence began anew with the text"
    await conversation.skip(hours=1)
    assert (await conversation.replies(3))[-1] == WARNING
    assert await conversation.states() == ["open"]


async def test_s7_a_reply_within_the_grace_keeps_the_session(talk_to: NewConversation) -> None:
    conversation = await warned(talk_to)
    await conversation.skip(minutes=9, seconds=30)
    await conversation.text("Yes")
    assert (await conversation.replies(3))[-1] == "heard Yes"
    await conversation.skip(hours=23)
    assert await conversation.states() == ["open"]
    await conversation.skip(hours=1)
    assert (await conversation.replies(4))[-1] == WARNING, "the 24 hours began again"


async def test_s8_without_a_reply_the_session_ends(talk_to: NewConversation) -> None:
    conversation = await warned(talk_to)
    await conversation.skip(minutes=10)
    await conversation.until("inactive")
    assert await conversation.replies(3) == ["heard Hello", WARNING, CLOSING]
    await conversation.text("Too late?")
    assert (await conversation.replies(4))[-1] == "heard Too late?"
    assert await conversation.states() == ["inactive", "open"]


async def test_s8_the_agents_end_runs_and_knows_why(talk_to: NewConversation) -> None:
    conversation = await warned(talk_to)
    await conversation.skip(minutes=10)
    await conversation.until("inactive")
    (session,) = await conversation.sessions()
    assert '"INACTIVE"' in await conversation.state_after_end(session)


async def test_s8_a_reply_that_only_twilio_knows_of_keeps_the_session(talk_to: NewConversation) -> None:
    """Its webhook is lost: before the end, Twilio's own list is asked."""
    conversation = await warned(talk_to)
    await conversation.skip(minutes=9, seconds=30)
    conversation.stack.simulator.add_fault("lose_inbound", participant=conversation.participant)
    inbound = await conversation.stack.simulator.text(conversation.participant, conversation.number, "I am here")
    assert inbound.outcome != "delivered"
    await conversation.skip(seconds=50)
    assert (await conversation.replies(3, timeout=20))[-1] == "heard I am here"
    assert await conversation.states() == ["open"]


async def test_s8_a_warning_that_cannot_be_sent_ends_the_session_without_a_word(talk_to: NewConversation) -> None:
    conversation = await engaged(talk_to)
    conversation.stack.simulator.add_fault("error", participant=conversation.participant, status=400, code=21211)
    await conversation.skip(hours=24)
    await conversation.until("inactive")
    assert await conversation.replies(1) == ["heard Hello"]
