"""Session rule S11, the part of people: an agent hands over or is paused, a person writes, the agent resumes."""

from __future__ import annotations

import pytest

from parley.session.v1 import session_pb2
from tests.e2e.conftest import NewConversation

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPLY, PERSON = session_pb2.Message.KIND_REPLY, session_pb2.Message.KIND_PERSON


async def test_s11_an_agent_hands_its_session_to_people(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    await conversation.text("a person, please")
    assert await conversation.replies(1) == ["One moment."]
    await conversation.until("handed_off")
    (session,) = await conversation.sessions()
    assert (session.hand_off_destination, session.hand_off_reason) == ("desk", "asked for a person")

    await conversation.text("Is anybody there?")
    assert await conversation.post(f"sessions/{session.session_id}/messages", text="This is Sam.") == 202
    assert (await conversation.replies(2))[-1] == "This is Sam."
    assert await conversation.turns(session) == 1, "the agent is not called"
    assert ("Is anybody there?", "handed_off") in await conversation.all_texts()


async def test_s11_after_a_resume_the_agent_knows_what_was_said(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    await conversation.text("a person, please")
    await conversation.replies(1)
    await conversation.until("handed_off")
    (session,) = await conversation.sessions()
    await conversation.text("Is anybody there?")
    await conversation.post(f"sessions/{session.session_id}/messages", text="This is Sam.")
    await conversation.replies(2)
    assert await conversation.post(f"sessions/{session.session_id}/resume") == 200
    await conversation.until("open")
    await conversation.text("thanks")
    # Two texts, two replies and the person's, and the one that it answers.
    assert (await conversation.replies(3))[-1] == "heard thanks after 5"


async def test_s11_a_person_may_pause_an_agent_and_end_the_session(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    await conversation.text("Hello")
    await conversation.replies(1)
    (session,) = await conversation.sessions()
    assert await conversation.post(f"sessions/{session.session_id}/hand-off", destination="desk") == 200
    await conversation.text("Hm?")
    assert await conversation.states() == ["handed_off"]
    assert await conversation.post(f"sessions/{session.session_id}/end") == 200
    await conversation.until("ended_by_request")
    assert await conversation.post(f"sessions/{session.session_id}/messages", text="Too late.") == 409
    await conversation.text("Hello again")
    assert (await conversation.replies(2))[-1] == "heard Hello again after 1"


async def test_s11_a_session_that_people_have_is_not_warned(talk_to: NewConversation) -> None:
    conversation = await talk_to("handing")
    await conversation.text("a person, please")
    await conversation.replies(1)
    await conversation.until("handed_off")
    await conversation.skip(hours=48)
    other = await talk_to("handing")
    await other.text("Hello")
    await other.replies(1)
    await other.skip(hours=24)
    await other.replies(2)  # Its warning: whoever was due before has been seen to.
    assert len(await conversation.replies(1)) == 1
    assert await conversation.states() == ["handed_off"]
