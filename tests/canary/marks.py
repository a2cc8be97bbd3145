"""What may stand in no log line, trace or error message: phone numbers, what people said, and what opens something.

The suite's participants have numbers that nobody else has, and its texts and tokens are few: here they are known.
"""

from __future__ import annotations

import re

NUMBERS = {
    # The one that stands in our own sentences as an example is preceded by these letters.
    "a phone number": r"(?<!e\.g\. )(?:\+|%2[Bb])[1-9][0-9]{6,14}\b",
    "a phone number without its plus": r"(?<![+\w])1(?:555|666)[0-9]{4,7}\b",
}
SECRETS = {
    "a key of the HTTP API": r"parley_[0-9a-f]{32}_[A-Za-z0-9_-]{43}",
    "a bearer key": r"[Bb]earer +[A-Za-z0-9_=+/.-]{8,}",
    "a password in a URL": r"://[^:/@\s\"]+:[^:/@\s\"]+@",
    "a token of the tests": r"(?:0123456789abcdef){2}\b|(?:fedcba9876543210){2}|the-token-of-the-test",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
}
TEXTS = {
    "a text of the tests": r"[Cc]anary|CANARY|Ahoy|a secret between us|Your order is ready|Your table is ready",
}


def _compiled(*groups: dict[str, str]) -> list[tuple[str, re.Pattern[str]]]:
    return [(name, re.compile(pattern)) for group in groups for name, pattern in group.items()]


_ALL = _compiled(NUMBERS, SECRETS, TEXTS)
_OPENING = _compiled(SECRETS)


def told(line: str) -> str:
    """What `line` tells that a log must not, or nothing."""
    return _first(_ALL, line)


def opened(line: str) -> str:
    """The same for what is written to people, who may be shown numbers and texts but nothing that opens something."""
    return _first(_OPENING, line)


def _first(patterns: list[tuple[str, re.Pattern[str]]], line: str) -> str:
    for name, pattern in patterns:
        if pattern.search(line):
            return name
    return ""
