"""What an agent's text must be for a message to carry it."""

from __future__ import annotations

LONGEST_REPLY = 16_000
"""Characters: ten messages of 1600."""


class UnusableReturn(ValueError):
    """What a function returned or said cannot become a reply. The message names the mistake, never the text."""


def checked_text(text: object, what: str, longest: int = LONGEST_REPLY) -> str:
    """`text` if a message can carry it. Raises UnusableReturn, which calls it `what`."""
    if not isinstance(text, str):
        raise UnusableReturn(f"gave {what} as {kind_of(text)}: it must be a str")
    if len(text) > longest:
        raise UnusableReturn(f"gave {what} of {len(text)} characters: {longest} are allowed")
    if not can_be_carried(text):
        raise UnusableReturn(f"gave {what} with a character that no message can carry (NUL or a lone surrogate)")
    # A subclass may carry more than its text.
    return str(text)


def can_be_carried(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


def kind_of(value: object) -> str:
    """`an int`"""
    noun = type(value).__name__
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
