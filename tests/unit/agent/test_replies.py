"""What an agent's function returns, read as a reply."""

from __future__ import annotations

import pytest

from parley_agent.domain.hand_off import HandOff
from parley_agent.domain.replies import Said, interpret, spoken
from parley_agent.domain.texts import LONGEST_REPLY, UnusableReturn, checked_text


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (None, Said()),
        ("", Said()),
        ("hello", Said("hello")),
        ({}, Said()),
        ({"utterance": "hello"}, Said("hello")),
        ({"utterance": ""}, Said("")),
        ({"utterance": None}, Said()),
        ({"hangup": True}, Said(hang_up=True)),
        ({"hangup": False}, Said()),
        ({"utterance": "bye", "hangup": True}, Said("bye", hang_up=True)),
        ({"utterance": "hello", "content": "be brief", "end_turn": False}, Said("hello")),
        ({"utterance": "", "listen": {"asr": {"timeout": 0.1}}, "utterance_channel": "DTMF"}, Said("")),
    ],
)
def test_what_is_returned_is_understood(returned: object, expected: Said) -> None:
    assert interpret(returned) == expected


@pytest.mark.parametrize(
    ("handoff", "expected"),
    [
        ({"destination": "billing", "reason": "a refund"}, HandOff("billing", "a refund")),
        ({"reason": "a refund"}, HandOff("", "a refund")),
        ("billing", HandOff("billing")),
        (True, HandOff()),
        ({}, HandOff()),
        (False, None),
        (None, None),
        ({"text_chat": {"zendesk_integration": {}}}, HandOff("zendesk")),
        ({"text_chat": {}, "type": "chat"}, HandOff("chat")),
        ({"refer": {"phone_number": "+15005550006"}, "reason": "loud"}, HandOff("refer", "loud")),
        ({"bye": {"sip_headers": {}}}, HandOff("bye")),
        ({"destination": "billing", "invite": {}, "route": "x", "sip_headers": {}}, HandOff("billing")),
        ({"destination": "x" * 200, "reason": "y" * 1000}, HandOff("x" * 200, "y" * 1000)),
        ({"reason": "y" * 1001}, HandOff("", "y" * 999 + "…")),
    ],
)
def test_a_hand_off_is_understood_in_all_its_forms(handoff: object, expected: HandOff | None) -> None:
    for key in ("handoff", "hand_off"):
        assert interpret({key: handoff}) == Said(hand_off=expected)


def test_a_hand_offs_own_utterance_is_the_second_choice() -> None:
    handoff = {"reason": "loud", "utterance": "inner"}
    assert interpret({"handoff": handoff}).utterance == "inner"
    assert interpret({"handoff": handoff, "utterance": "outer"}).utterance == "outer"


def test_a_hand_off_that_is_returned_comes_before_one_that_was_called() -> None:
    called = HandOff("called")
    assert Said("bye").handing_off(called) == Said("bye", hand_off=called)
    assert Said(hand_off=HandOff("returned")).handing_off(called).hand_off == HandOff("returned")
    assert Said().handing_off(None) == Said()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (["hello"], r"returned a list: return a str, None or a dict"),
        (1, r"returned an int"),
        ({"uterance": "hello"}, r"returned the unknown key 'uterance': use 'utterance', 'hangup' and"),
        ({"+1500 555": "hello"}, r"returned an unknown key"),
        ({1: 2}, r"returned an unknown key"),
        ({"transition": {}}, r"returned the key 'transition', which is not served yet"),
        ({"handoff": ["hello"]}, r"returned a 'handoff' that is a list: use {'destination': '...', 'reason': '...'}"),
        ({"handoff": {"to": "hello"}}, r"returned a 'handoff' with the unknown key 'to': use 'destination' and"),
        ({"handoff": {5: "hello"}}, r"returned a 'handoff' with an unknown key"),
        ({"handoff": {"destination": 5}}, r"gave the hand-off's destination as an int: it must be a str"),
        ({"handoff": "x" * 201}, r"gave the hand-off's destination of 201 characters: 200 are allowed"),
        ({"handoff": {"reason": 5}}, r"gave the hand-off's reason as an int"),
        ({"handoff": {"reason": "a\0b"}}, r"the hand-off's reason with a character that no message can carry"),
        ({"handoff": {"utterance": 5}}, r"gave 'utterance' as an int"),
        ({"content": "say hello"}, r"returned 'content', which instructs a model, and this agent has none"),
        ({"hangup": "yes"}, r"a 'hangup' that is neither True nor False"),
        ({"utterance": 5}, r"gave 'utterance' as an int: it must be a str"),
        ("x" * (LONGEST_REPLY + 1), r"16001 characters: 16000 are allowed"),
        ("a\0b", r"a character that no message can carry"),
        ("a\udc80b", r"a character that no message can carry"),
    ],
)
def test_what_cannot_be_a_reply_is_refused(returned: object, message: str) -> None:
    with pytest.raises(UnusableReturn, match=message) as caught:
        interpret(returned)
    assert "hello" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "queued", "expected"),
    [
        (Said("returned"), "said", "returned"),
        (Said(), "said", "said"),
        (Said(""), "said", ""),
        (Said(" \n"), None, ""),
        (Said(), None, ""),
    ],
)
def test_what_is_returned_comes_before_what_was_said(said: Said, queued: str | None, expected: str) -> None:
    assert spoken(said, queued) == expected


def test_a_text_is_stripped_of_its_class() -> None:
    class Loud(str):
        __slots__ = ()

    assert type(checked_text(Loud("hey"), "it")) is str


def test_what_is_said_does_not_show_in_a_repr() -> None:
    assert "hello" not in repr(interpret("hello"))
    assert "hello" not in repr(interpret({"handoff": {"destination": "hello", "reason": "hello"}}))
