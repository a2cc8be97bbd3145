"""Session rules S4, S5 and S9: texts of ours through the HTTP API, and the agent that takes over with the reply."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.conftest import NewConversation

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_s4_a_text_of_ours_opens_a_session_and_calls_nobody(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    status, answer = await conversation.send("Your table is ready.")
    assert status == 202
    assert await conversation.replies(1) == ["Your table is ready."]
    (session,) = await conversation.sessions()
    assert answer["session_id"] == session.session_id
    (message,) = await conversation.api.list_messages(session.session_id)
    assert answer["message_id"] == message.message_id
    assert (session.outbound, session.engaged) == (True, False)
    assert await conversation.turns(session) == 0


async def test_s4_a_repeated_request_is_one_text(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    same = {"Idempotency-Key": "table-17"}
    answers = await asyncio.gather(*(conversation.send("Your table is ready.", **same) for _ in range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert await conversation.replies(1) == ["Your table is ready."]
    assert (await conversation.send("Another text.", **same))[0] == 409
    await conversation.text("Thanks")
    await conversation.replies(2)
    assert [text for text, _ in await conversation.all_texts()].count("Your table is ready.") == 1


async def test_s4_an_older_session_ends_as_superseded(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    await conversation.text("Hello")
    await conversation.replies(1)
    await conversation.send("Your table is ready.")
    await conversation.until("superseded", "open")


async def test_s4_an_agent_may_refuse_a_second_session(talk_to: NewConversation) -> None:
    conversation = await talk_to("polite")
    await conversation.text("Hello")
    await conversation.replies(1)
    status, answer = await conversation.send("Your table is ready.")
    assert (status, "has an open session" in answer["detail"]) == (409, True)
    assert await conversation.states() == ["open"]


async def test_s5_a_reply_joins_the_session_that_our_text_opened(talk_to: NewConversation) -> None:
    """start(conv) runs with it, greets nobody, and our text is in the agent's context."""
    conversation = await talk_to("handing")
    await conversation.send("Your table is ready.")
    await conversation.replies(1)
    await conversation.text("On my way")
    # What was said before the reply, and the reply itself.
    assert await conversation.replies(2) == ["Your table is ready.", "heard On my way after 2"]
    (session,) = await conversation.sessions()
    assert await conversation.transcript(session) == [
        ("outbound", "Your table is ready."),
        ("inbound", "On my way"),
        ("outbound", "heard On my way after 2"),
    ]


async def test_s9_a_text_that_nobody_answers_is_forgotten_silently(talk_to: NewConversation) -> None:
    conversation = await talk_to("closing")
    await conversation.send("Your table is ready.")
    await conversation.replies(1)
    await conversation.skip(days=29)
    await conversation.until("open")
    await conversation.skip(days=1)
    await conversation.until("unanswered")
    assert await conversation.replies(1) == ["Your table is ready."], "no warning and no closing text"
    (session,) = await conversation.sessions()
    assert await conversation.turns(session) == 0, "an agent that was never called has nothing to end"
