"""The `conv` object: what an agent's functions see of a session. Sends nothing and stores nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parley_agent.domain.hand_off import HandOff, hand_off_to
from parley_agent.domain.texts import checked_text
from parley_agent.domain.turn import Turn

ALIASES: Mapping[str, frozenset[str]] = {
    "sms": frozenset({"sms", "sms.twilio", "sms.polyai"}),
    "webchat": frozenset({"webchat", "webchat.polyai"}),
}


class ChannelType(str):
    """`"sms"` or `"webchat"`, which also equals the names that go with a provider, e.g. `"sms.twilio"`."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True or other in ALIASES.get(str(self), ())

    def __ne__(self, other: object) -> bool:
        return not self == other


class State(dict[str, Any]):
    """What the agent keeps between turns: `state.x` is None when it is missing, `state["x"]` raises KeyError."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            # Python asks objects for methods by such names, and None is not one.
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None


class HistoryItem:
    """One text of the session. `role` is "user" or "agent"."""

    __slots__ = ("text",)
    role: str = ""

    def __init__(self, text: str) -> None:
        self.text = text

    def to_dict(self) -> dict[str, str]:
        return {"role": self.role, "text": self.text}

    def to_string(self) -> str:
        return f"{self.role}: {self.text}"


class UserInput(HistoryItem):
    """A text of the participant; `media_urls` are the pictures that came with it."""

    __slots__ = ("media_urls",)
    role = "user"

    def __init__(self, text: str, media_urls: list[str] | None = None) -> None:
        self.text = text
        self.media_urls = media_urls or []


class AgentResponse(HistoryItem):
    """A text of the agent."""

    __slots__ = ()
    role = "agent"


class Conversation:
    """The session and the turn, as the agent's functions see them."""

    __slots__ = (
        "_hand_off",
        "_queued",
        "callee_number",
        "caller_number",
        "channel_type",
        "end_reason",
        "history",
        "id",
        "state",
        "turn_id",
    )

    def __init__(self, turn: Turn, state: Mapping[str, Any]) -> None:
        self.id = turn.session_id
        self.turn_id = turn.turn_id
        """The same in every attempt at a turn: the key under which an effect must happen once."""
        self.channel_type = ChannelType(turn.channel)
        self.caller_number = turn.caller_number or None
        self.callee_number = turn.callee_number or None
        self.state = State(state)
        self.history: list[HistoryItem] = [
            UserInput(text) if role == "user" else AgentResponse(text) for role, text in turn.history
        ]
        self.history += [UserInput(text, media_urls) for text, media_urls in turn.texts]
        self.end_reason = turn.end_reason or None
        """Why the session has ended, in end(): "INACTIVE", "ENDED_BY_AGENT", ...; else None."""
        self._queued: str | None = None
        self._hand_off: HandOff | None = None

    def say(self, utterance: str) -> None:
        """Sets what is said after this function, unless it returns an utterance. The last call wins."""
        self._queued = checked_text(utterance, "conv.say() its text")

    def call_handoff(
        self,
        destination: str | None = None,
        reason: str | None = None,
        utterance: str | None = None,
        sip_headers: Any = None,
        route: Any = None,
    ) -> None:
        """Hands the session to people once this function has returned; `utterance` is said as by say().

        The agent is not called again until the session is resumed. The last call wins. What shapes phone calls is
        ignored.
        """
        self._hand_off = hand_off_to(destination, reason)
        if utterance is not None:
            self.say(utterance)

    def __repr__(self) -> str:
        return f"<conv {self.id}>"


def take_queued(conv: Conversation) -> str | None:
    """What conv.say() has set since this was last called."""
    queued, conv._queued = conv._queued, None
    return queued


def take_hand_off(conv: Conversation) -> HandOff | None:
    """What conv.call_handoff() has set since this was last called."""
    hand_off, conv._hand_off = conv._hand_off, None
    return hand_off
