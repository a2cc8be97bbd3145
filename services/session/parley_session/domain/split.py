"""Makes outbound texts fit: at most 1600 characters each as the provider counts them, cut at a word."""

from __future__ import annotations

LIMIT = 1600
_EXPANDED = {"…": 3}
"""Characters that become several when the notifier writes them in the GSM alphabet."""


def weight(text: str) -> int:
    """Characters of `text` as the provider counts them: UTF-16 code units of what is sent."""
    return sum(_EXPANDED.get(character, 2 if character > "\uffff" else 1) for character in text)


def split(text: str, limit: int = LIMIT) -> list[str]:
    """`text` in parts of at most `limit`; no parts for a text of white space only."""
    parts = whole(text)
    if not parts or len(parts[0]) * 3 <= limit or weight(parts[0]) <= limit:
        return parts
    text = parts.pop()
    while text:
        end = _fitting(text, limit)
        if end < len(text):
            # A word longer than half a message is cut: no reader would want the rest left empty.
            space = max(text.rfind(" ", end // 2, end + 1), text.rfind("\n", end // 2, end + 1))
            end = space if space > 0 else end
        parts.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return parts


def whole(text: str) -> list[str]:
    """`text` in one part, if there is anything in it, as it can be stored."""
    text = text.replace("\x00", "�").strip()
    return [text] if text else []


def _fitting(text: str, limit: int) -> int:
    """How many leading characters of `text` weigh at most `limit`."""
    total = 0
    for index, character in enumerate(text):
        total += _EXPANDED.get(character, 2 if character > "\uffff" else 1)
        if total > limit:
            return index
    return len(text)
