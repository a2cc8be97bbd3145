"""The agent that breaks: what it does until then. What Parley does about the rest is for the demo to show."""

from pathlib import Path

from parley_agent.testing import Chat

AGENT = Path(__file__).parents[1]


def test_texts_are_repeated() -> None:
    assert Chat(AGENT).text("hello") == ["You said: hello"]


def test_it_says_what_it_wants_said_when_it_breaks() -> None:
    assert "fallback_text" in (AGENT / "agent.yaml").read_text()
