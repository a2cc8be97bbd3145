"""What an agent's function returns, read as a reply."""

from __future__ import annotations

import pytest

from parley_agent.domain.replies import LONGEST_REPLY, Said, UnusableReturn, checked_text, interpret, spoken


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
    ("returned", "message"),
    [
        (["hello"], r"returned a list: return a str, None or a dict"),
        (1, r"returned an int"),
        ({"uterance": "hello"}, r"returned the unknown key 'uterance': use 'utterance' and 'hangup'"),
        ({"+1500 555": "hello"}, r"returned an unknown key"),
        ({1: 2}, r"returned an unknown key"),
        ({"handoff": {}}, r"returned the key 'handoff', which is not served yet"),
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
