"""What an agent's function may return, and what it means for the reply.

An agent without a model says what it returns: a `str` is the text of the reply. With a model a returned
`str` instructs the model; such an agent is not served yet, so keys that only a model could follow are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from parley_agent.domain.hand_off import HandOff, read_hand_off
from parley_agent.domain.texts import UnusableReturn, checked_text, kind_of

IGNORED = frozenset({"listen", "utterance_channel", "end_turn"})
"""Keys that shape speech and mean nothing in text."""
NOT_SERVED = frozenset({"transition", "variant"})
KNOWN = frozenset({"utterance", "hangup", "content", "handoff", "hand_off"})


@dataclass(frozen=True, slots=True)
class Said:
    """What one function wants said. `utterance` is None when it does not care, and "" when it wants silence."""

    utterance: str | None = field(default=None, repr=False)
    hang_up: bool = False
    hand_off: HandOff | None = None

    @property
    def is_last(self) -> bool:
        """Whether the agent has nothing to do with the session after this."""
        return self.hang_up or self.hand_off is not None

    def handing_off(self, called: HandOff | None) -> Said:
        """With what conv.call_handoff() was told, unless the function returned a hand-off itself."""
        return self if called is None or self.hand_off is not None else replace(self, hand_off=called)


def interpret(returned: object) -> Said:
    if returned is None:
        return Said()
    if isinstance(returned, str):
        return Said(checked_text(returned, "its text") if returned else None)
    if isinstance(returned, dict):
        return _interpret_dict(returned)
    raise UnusableReturn(f"returned {kind_of(returned)}: return a str, None or a dict like {{'utterance': '...'}}")


def _interpret_dict(returned: dict[object, object]) -> Said:
    for key in returned:
        if key in NOT_SERVED:
            raise UnusableReturn(f"returned the key '{key}', which is not served yet")
        if key not in IGNORED and key not in KNOWN:
            shown = f"the unknown key '{key}'" if isinstance(key, str) and key.isidentifier() else "an unknown key"
            raise UnusableReturn(f"returned {shown}: use 'utterance', 'hangup' and 'handoff'")
    hand_off, parting = read_hand_off(returned.get("handoff", returned.get("hand_off")))
    utterance, hang_up = returned.get("utterance", parting), returned.get("hangup", False)
    if returned.get("content") and utterance is None:
        raise UnusableReturn("returned 'content', which instructs a model, and this agent has none: use 'utterance'")
    if not isinstance(hang_up, bool):
        raise UnusableReturn("returned a 'hangup' that is neither True nor False")
    return Said(None if utterance is None else checked_text(utterance, "'utterance'"), hang_up, hand_off)


def spoken(said: Said, queued: str | None) -> str:
    """What is said after a function: what it returned, else what it left with conv.say(), else nothing."""
    text = said.utterance if said.utterance is not None else queued
    return text if text and text.strip() else ""
