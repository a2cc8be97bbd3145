"""A turn as plain values, on their way into a worker and out of it, and which of the agent's functions it calls.

Refuses nothing: what a caller may ask for is checked where it asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from parley_agent.domain.hand_off import HandOff

START, MESSAGE, END = "start", "message", "end"


@dataclass
class Turn:
    """One call of the agent. Travels to the worker as JSON, so it holds nothing that JSON does not know."""

    turn_id: str
    session_id: str
    channel: str
    """`sms` or `webchat`."""
    caller_number: str = field(repr=False)
    callee_number: str = field(repr=False)
    state: str = field(repr=False)
    """A JSON object, or empty before the first turn."""
    history: list[tuple[str, str]] = field(repr=False)
    """(`user` or `agent`, text), oldest first, without this turn's texts."""
    event: str
    texts: list[tuple[str, list[str]]] = field(default_factory=list, repr=False)
    """(text, URLs of its media), oldest first."""
    greet: bool = False
    answer: bool = False
    end_reason: str = ""
    """Why the session has ended, on END."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The functions of the agent that a turn calls, in the order of these fields."""

    start: bool = False
    greet: bool = False
    respond_to: str | None = field(default=None, repr=False)
    """What respond() is called with, or None where it is not called."""
    end: bool = False


def plan(turn: Turn) -> Plan:
    if turn.event == END:
        return Plan(end=True)
    if turn.event == START:
        respond_to = joined(turn.texts) if turn.answer and turn.texts else None
        return Plan(start=True, greet=turn.greet, respond_to=respond_to)
    return Plan(respond_to=joined(turn.texts))


def joined(texts: Sequence[tuple[str, list[str]]]) -> str:
    """The texts as one, a line each; a text that is only media adds no empty line."""
    return "\n".join(text for text, _ in texts if text)


@dataclass(slots=True)
class Ran:
    """The turn ran: what the agent wants sent, what it wants kept, and whether it leaves the session."""

    replies: list[str] = field(repr=False)
    state: str = field(repr=False)
    hang_up: bool = False
    hand_off: HandOff | None = None
    """Never beside a hang-up."""


@dataclass(slots=True)
class Failed:
    """The agent's code failed. Neither field quotes a value of the conversation."""

    what: str
    """One sentence: `respond() raised ValueError at agent.py:12`."""
    frames: list[str] = field(default_factory=list)
    """Where it happened, outermost first: `agent.py:12 in respond`."""


Outcome = Ran | Failed
