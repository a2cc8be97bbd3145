"""The trivial agent: it greets by the text that start() leaves in its state, and repeats what it hears."""

from pathlib import Path

from parley_agent.testing import Chat

AGENT = Path(__file__).parents[1]


def test_the_first_text_is_greeted() -> None:
    assert Chat(AGENT).text("hello") == ["Hi, you've reached [Company]. How can I help?"]


def test_web_chat_has_no_greeting_of_its_own() -> None:
    assert Chat(AGENT, channel="webchat").text("hello") == ["Hello, how can I help?"]


def test_further_texts_are_repeated() -> None:
    chat = Chat(AGENT)
    chat.text("hello")
    assert chat.text("one") == ["You said: one"]
    assert chat.text("two", "three") == ["You said: two\nthree"]
