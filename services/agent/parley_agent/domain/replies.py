"""What an agent's function may return, and what it means for the reply.

An agent without a model says what it returns: a `str` is the text of the reply. With a model a returned
`str` instructs the model; such an agent is not served yet, so keys that only a model could follow are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST_REPLY = 16_000
"""Characters: ten messages of 1600."""

IGNORED = frozenset({"listen", "utterance_channel", "end_turn"})
"""Keys that shape speech and mean nothing in text."""
NOT_SERVED = frozenset({"handoff", "transition", "variant"})


class UnusableReturn(ValueError):
    """What a function returned or said cannot become a reply. The message names the mistake, never the text."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one function wants said. `utterance` is None when it does not care, and "" when it wants silence."""

    utterance: str | None = field(default=None, repr=False)
    hang_up: bool = False


def interpret(returned: object) -> Said:
    if returned is None:
        return Said()
    if isinstance(returned, str):
        return Said(checked_text(returned, "its text") if returned else None)
    if isinstance(returned, dict):
        return _interpret_dict(returned)
    raise UnusableReturn(
        f"returned {_article(type(returned).__name__)}: return a str, None or a dict like {{'utterance': '...'}}"
    )


def _interpret_dict(returned: dict[object, object]) -> Said:
    for key in returned:
        if key in NOT_SERVED:
            raise UnusableReturn(f"returned the key '{key}', which is not served yet")
        if key not in IGNORED and key not in ("utterance", "hangup", "content"):
            shown = f"the unknown key '{key}'" if isinstance(key, str) and key.isidentifier() else "an unknown key"
            raise UnusableReturn(f"returned {shown}: use 'utterance' and 'hangup'")
    utterance, hang_up = returned.get("utterance"), returned.get("hangup", False)
    if returned.get("content") and utterance is None:
        raise UnusableReturn("returned 'content', which instructs a model, and this agent has none: use 'utterance'")
    if not isinstance(hang_up, bool):
        raise UnusableReturn("returned a 'hangup' that is neither True nor False")
    return Said(None if utterance is None else checked_text(utterance, "'utterance'"), hang_up)


def checked_text(text: object, what: str) -> str:
    """`text` if a message can carry it. Raises UnusableReturn, which calls it `what`."""
    if not isinstance(text, str):
        raise UnusableReturn(f"gave {what} as {_article(type(text).__name__)}: it must be a str")
    if len(text) > LONGEST_REPLY:
        raise UnusableReturn(f"gave {what} of {len(text)} characters: {LONGEST_REPLY} are allowed")
    if "\0" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)):
        raise UnusableReturn(f"gave {what} with a character that no message can carry (NUL or a lone surrogate)")
    # A subclass may carry more than its text.
    return str(text)


def spoken(said: Said, queued: str | None) -> str:
    """What is said after a function: what it returned, else what it left with conv.say(), else nothing."""
    text = said.utterance if said.utterance is not None else queued
    return text if text and text.strip() else ""


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
