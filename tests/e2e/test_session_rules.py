"""The session rules as people meet them: signed webhooks in, texts of the simulated Twilio out."""

from __future__ import annotations

import asyncio

import pytest

from parley.session.v1 import session_pb2
from tests.e2e.conftest import NewConversation

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDED = session_pb2.Session.STATE_ENDED
OPEN = session_pb2.Session.STATE_OPEN


async def test_s1_a_first_text_opens_a_session_and_the_seeds_own_start_greets(talk_to: NewConversation) -> None:
    conversation = await talk_to("seed")
    await conversation.text("Hi")
    assert await conversation.replies(1) == ["Hi, you've reached [Company]. How can I help?"]
    (session,) = await conversation.sessions()
    assert session.state == OPEN
    assert session.agent == "seed"
    assert await conversation.transcript(session) == [
        ("inbound", "Hi"),
        ("outbound", "Hi, you've reached [Company]. How can I help?"),
    ]


async def test_s1_an_agent_that_answers_at_once_drops_its_greeting(talk_to: NewConversation) -> None:
    conversation = await talk_to("answering")
    await conversation.text("Do you open today?")
    assert await conversation.replies(1) == ["started=True heard=Do you open today?"]


async def test_s1_an_agent_may_greet_and_answer(talk_to: NewConversation) -> None:
    conversation = await talk_to("both")
    await conversation.text("Hello")
    assert await conversation.replies(2) == ["Welcome.", "You said Hello"]


async def test_s2_a_text_joins_the_open_session_and_the_agent_continues(talk_to: NewConversation) -> None:
    conversation = await talk_to("seed")
    await conversation.text("Hi")
    await conversation.replies(1)
    await conversation.text("one")
    await conversation.replies(2)
    await conversation.text("two")
    assert (await conversation.replies(3))[1:] == ["1: one", "2: two"]
    assert len(await conversation.sessions()) == 1


async def test_s3_after_the_end_a_text_opens_a_new_session_with_nothing_carried_over(
    talk_to: NewConversation,
) -> None:
    conversation = await talk_to("hanging")
    await conversation.text("hello")
    await conversation.replies(1)
    await conversation.text("bye")
    assert await conversation.replies(2) == ["text 1", "Goodbye after 2."]
    await conversation.text("again")
    assert (await conversation.replies(3))[2] == "text 1"
    first, second = await conversation.sessions()
    assert first.state == ENDED
    assert first.end_reason == session_pb2.Session.END_REASON_ENDED_BY_AGENT
    assert second.state == OPEN
    assert await conversation.transcript(second) == [("inbound", "again"), ("outbound", "text 1")]


async def test_s11_an_agent_that_fails_three_times_is_answered_for_by_its_fallback(talk_to: NewConversation) -> None:
    conversation = await talk_to("crashing")
    await conversation.text("crash")
    (fallback,) = await conversation.replies(1)
    assert fallback == "Sorry, something went wrong. Please try again in a moment."
    await conversation.text("and now?")
    assert (await conversation.replies(2))[1] == "fine again"
    (session,) = await conversation.sessions()
    messages = await conversation.api.list_messages(session.session_id)
    kinds = [session_pb2.Message.KIND_FALLBACK, session_pb2.Message.KIND_REPLY]
    assert [m.kind for m in messages if m.direction == session_pb2.Message.DIRECTION_OUTBOUND] == kinds


async def test_s12_texts_that_arrive_while_a_turn_runs_share_the_next(
    talk_to: NewConversation,
) -> None:
    conversation = await talk_to("slow")
    await conversation.text("first")
    await asyncio.gather(conversation.text("second"), conversation.text("third"))
    replies = await conversation.replies(2)
    assert replies[0] == "heard first"
    assert replies[1] in {"heard second | third", "heard third | second"}


async def test_every_reply_ends_up_delivered_in_the_transcript(talk_to: NewConversation) -> None:
    conversation = await talk_to("seed")
    await conversation.text("Hi")
    await conversation.replies(1)
    (session,) = await conversation.sessions()
    async with asyncio.timeout(10):
        while True:
            *_, reply = await conversation.api.list_messages(session.session_id)
            if reply.delivery_state == session_pb2.DELIVERY_STATE_DELIVERED:
                break
            await asyncio.sleep(0.02)
