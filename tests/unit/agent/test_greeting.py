"""Which greeting wins."""

from __future__ import annotations

import pytest

from parley_agent.domain.greeting import Greetings, greeting
from parley_agent.domain.hand_off import HandOff
from parley_agent.domain.replies import Said
from parley_agent.domain.texts import UnusableReturn


@pytest.mark.parametrize(
    ("said", "queued", "greet_message", "expected"),
    [
        (Said("utterance"), "said", "message", "utterance"),
        (Said(), "said", "message", "said"),
        (Said(), None, "message", "message"),
        (Said(), None, None, "configured"),
        (Said(), None, "", "configured"),
        (Said(""), "said", "message", ""),
        (Said("  "), None, None, ""),
        (Said(), "", "message", ""),
        (Said(hang_up=True), None, None, ""),
        (Said(hang_up=True), None, "message", "message"),
        (Said("utterance", hang_up=True), None, None, "utterance"),
        (Said(hand_off=HandOff()), None, None, ""),
        (Said(hand_off=HandOff()), "said", None, "said"),
    ],
)
def test_the_first_that_is_set_greets(said: Said, queued: str | None, greet_message: object, expected: str) -> None:
    assert greeting(said, queued, greet_message, "configured") == expected


@pytest.mark.parametrize(
    ("greetings", "channel", "expected"),
    [
        (Greetings("general", "sms"), "sms", "sms"),
        (Greetings("general", "sms"), "webchat", "general"),
        (Greetings("general"), "sms", "general"),
        (Greetings("", "sms"), "webchat", "Hello, how can I help?"),
        (Greetings(), "sms", "Hello, how can I help?"),
    ],
)
def test_what_is_configured_depends_on_the_channel(greetings: Greetings, channel: str, expected: str) -> None:
    assert greetings.for_channel(channel) == expected


def test_a_greet_message_that_is_no_text_is_refused_without_its_value() -> None:
    with pytest.raises(UnusableReturn, match=r"conv.state.greet_message as a list: it must be a str"):
        greeting(Said(), None, ["secret"], "configured")
