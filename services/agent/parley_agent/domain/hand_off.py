"""How an agent hands a session to people: what conv.call_handoff() is told, and what a returned `handoff` means.

Where PolyAI's form names how a call is moved (`refer`, `text_chat`, ...), that name is the destination: people take
over in the same thread of texts, so there is nothing to move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parley_agent.domain.texts import UnusableReturn, checked_text, kind_of

LONGEST_DESTINATION = 200
LONGEST_REASON = 1000
MOVES = ("refer", "invite", "bye", "cxone")
INTEGRATIONS = "text_chat"
KEYS = frozenset({"destination", "reason", "utterance", "type", "sip_headers", "route", INTEGRATIONS, *MOVES})


@dataclass(frozen=True, slots=True)
class HandOff:
    """`destination` in the agent's words, "" for none; `reason` for the people who take over."""

    destination: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)


def hand_off_to(destination: object, reason: object) -> HandOff:
    """None is "". A reason that is too long is cut: it may quote what somebody wrote. Raises UnusableReturn."""
    to = "" if destination is None else checked_text(destination, "the hand-off's destination", LONGEST_DESTINATION)
    why = "" if reason is None else checked_text(reason, "the hand-off's reason")
    return HandOff(to, why if len(why) <= LONGEST_REASON else f"{why[: LONGEST_REASON - 1]}…")


def read_hand_off(value: object) -> tuple[HandOff | None, object]:
    """The hand-off that a returned value asks for, and the utterance in it (None if it has none).

    Raises UnusableReturn.
    """
    if value is None or value is False:
        return None, None
    if value is True:
        return HandOff(), None
    if isinstance(value, str):
        return hand_off_to(value, None), None
    if not isinstance(value, Mapping):
        raise UnusableReturn(
            f"returned a 'handoff' that is {kind_of(value)}: use {{'destination': '...', 'reason': '...'}}"
        )
    for key in value:
        if key not in KEYS:
            shown = f"the unknown key '{key}'" if isinstance(key, str) and key.isidentifier() else "an unknown key"
            raise UnusableReturn(f"returned a 'handoff' with {shown}: use 'destination' and 'reason'")
    return hand_off_to(_destination(value), value.get("reason")), value.get("utterance")


def _destination(value: Mapping[object, object]) -> object:
    if value.get("destination") is not None:
        return value["destination"]
    integrations = value.get(INTEGRATIONS)
    if isinstance(integrations, Mapping) and integrations:
        return str(next(iter(integrations))).removesuffix("_integration")
    return value.get("type") or next((move for move in MOVES if move in value), None)
