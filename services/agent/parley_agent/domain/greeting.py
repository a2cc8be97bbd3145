"""Which of the texts that could open a session does open it."""

from __future__ import annotations

from dataclasses import dataclass

from parley_agent.domain.replies import Said, spoken
from parley_agent.domain.texts import checked_text

LAST_RESORT = "Hello, how can I help?"


@dataclass(frozen=True, slots=True)
class Greetings:
    """The greetings that agent.yaml sets; empty where it sets none."""

    general: str = ""
    sms: str = ""

    def for_channel(self, channel: str) -> str:
        return (self.sms if channel == "sms" else "") or self.general or LAST_RESORT


def greeting(said: Said, queued: str | None, greet_message: object, configured: str) -> str:
    """The first of: start()'s utterance, conv.say(), conv.state.greet_message, what agent.yaml configures.

    An utterance of "" is silence. An agent that leaves the session in start() says only what start() itself set.
    Raises UnusableReturn when greet_message is no text.
    """
    if said.utterance is not None or queued is not None:
        return spoken(said, queued)
    if greet_message not in (None, ""):
        return spoken(Said(), checked_text(greet_message, "conv.state.greet_message"))
    return "" if said.is_last else configured
