"""The conv object, as an agent's functions use it."""

from __future__ import annotations

import copy

import pytest

from parley_agent.domain.hand_off import HandOff
from parley_agent.domain.texts import UnusableReturn
from parley_agent.domain.turn import Turn
from parley_agent.sandbox.conv import ChannelType, Conversation, State, take_hand_off, take_queued


@pytest.fixture
def conv() -> Conversation:
    turn = Turn(
        turn_id="turn-1",
        session_id="session-1",
        channel="sms",
        caller_number="+15005550006",
        callee_number="",
        state="",
        history=[("user", "hi"), ("agent", "hello")],
        event="message",
        texts=[("a picture", ["https://example.org/cat.png"]), ("of a cat", [])],
    )
    return Conversation(turn, {"name": "Ann"})


@pytest.mark.parametrize(
    ("channel", "equal", "unequal"),
    [
        ("sms", ["sms", "sms.twilio", "sms.polyai"], ["SMS", "webchat", "sms.", "", None]),
        ("webchat", ["webchat", "webchat.polyai"], ["sms", "web", None]),
    ],
)
def test_a_channel_equals_its_names_with_a_provider(channel: str, equal: list[str], unequal: list[str]) -> None:
    kind = ChannelType(channel)
    for name in equal:
        assert (kind == name, name == kind, kind != name, kind in (name, "voice")) == (True, True, False, True)
    for name in unequal:
        assert (kind == name, name == kind, kind != name, kind in (name, "voice")) == (False, False, True, False)
    assert {channel: 1}[kind] == 1
    assert f"{kind}" == channel


def test_a_missing_attribute_of_the_state_is_none_and_a_missing_item_an_error() -> None:
    state = State()
    assert state.missing is None
    assert state.get("missing", 5) == 5
    with pytest.raises(KeyError):
        state["missing"]


def test_attributes_and_items_of_the_state_are_the_same() -> None:
    state = State({"a": 1})
    state.b = 2
    state["c"] = 3
    del state.a
    assert (state.a, state["b"], state.c, "b" in state) == (None, 2, 3, True)
    with pytest.raises(AttributeError):
        del state.missing


def test_a_state_can_be_copied() -> None:
    assert copy.deepcopy(State({"a": [1]})) == {"a": [1]}


def test_the_history_ends_with_what_the_participant_just_wrote(conv: Conversation) -> None:
    assert [(item.role, item.text) for item in conv.history] == [
        ("user", "hi"),
        ("agent", "hello"),
        ("user", "a picture"),
        ("user", "of a cat"),
    ]
    assert conv.history[1].to_dict() == {"role": "agent", "text": "hello"}
    assert conv.history[-1].to_string() == "user: of a cat"
    assert conv.history[2].media_urls == ["https://example.org/cat.png"]  # type: ignore[attr-defined]
    assert [item.text for item in conv.history[::-1]][:1] == ["of a cat"]


def test_it_knows_the_session_the_turn_and_the_numbers(conv: Conversation) -> None:
    assert (conv.id, conv.turn_id) == ("session-1", "turn-1")
    assert (conv.caller_number, conv.callee_number) == ("+15005550006", None)


def test_the_last_thing_said_is_taken_once(conv: Conversation) -> None:
    conv.say("one")
    conv.say("two")
    assert take_queued(conv) == "two"
    assert take_queued(conv) is None


def test_the_last_hand_off_is_taken_once(conv: Conversation) -> None:
    conv.call_handoff("sales", "wants to buy", "One moment.")
    conv.call_handoff(destination="billing", reason="a refund", sip_headers={"X-A": "b"}, route="r")
    assert take_hand_off(conv) == HandOff("billing", "a refund")
    assert take_hand_off(conv) is None
    assert take_queued(conv) == "One moment."
    conv.call_handoff()
    assert take_hand_off(conv) == HandOff()


def test_a_hand_off_must_be_of_texts(conv: Conversation) -> None:
    with pytest.raises(UnusableReturn, match=r"the hand-off's destination as a list"):
        conv.call_handoff(["billing"])  # type: ignore[arg-type]


def test_why_a_session_has_ended_is_known_at_its_end(conv: Conversation) -> None:
    assert conv.end_reason is None
    ended = Turn("t", "s", "sms", "", "", "", [], "end", end_reason="INACTIVE")
    assert Conversation(ended, {}).end_reason == "INACTIVE"


def test_what_is_said_must_be_a_text(conv: Conversation) -> None:
    with pytest.raises(UnusableReturn, match=r"conv.say\(\) its text as an int"):
        conv.say(5)  # type: ignore[arg-type]


def test_it_shows_no_number(conv: Conversation) -> None:
    assert repr(conv) == "<conv session-1>"


def test_a_misspelt_attribute_is_an_error(conv: Conversation) -> None:
    with pytest.raises(AttributeError):
        conv.stat = {}  # type: ignore[attr-defined]
