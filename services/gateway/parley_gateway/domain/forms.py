"""Reads application/x-www-form-urlencoded bodies: the result of Python's parse_qsl with blank values kept, only faster.

Refuses what a sender of percent-encoded UTF-8 cannot have meant: bytes outside ASCII, escapes that are no UTF-8, NUL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from parley_gateway.domain.refusals import Forbidden, Malformed, TooLarge

Pair = tuple[str, str]

_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")


def parse_form(body: bytes, limit: int) -> list[Pair]:
    """Names and values in their order, at most `limit` of them. An escape that is none, like `%zz`, stays as it is.

    Raises TooLarge, and Forbidden for a body that nobody can have signed.
    """
    if body.count(b"&") >= limit:
        raise TooLarge("TOO_MANY_FIELDS", f"at most {limit} fields are read")
    if b"\0" in body or b"%00" in body:
        raise Forbidden("UNREADABLE_FORM")
    pairs = []
    try:
        # A plus that means itself is still an escape here.
        for field in body.decode("ascii").replace("+", " ").split("&"):
            name, _, value = field.partition("=")
            if "%" in value:
                value = _ESCAPES.sub(_decoded, value)
            if "%" in name:
                name = _ESCAPES.sub(_decoded, name)
            if field:
                pairs.append((name, value))
    except UnicodeDecodeError:
        raise Forbidden("UNREADABLE_FORM") from None
    return pairs


def _decoded(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode()


def fields_of(pairs: list[Pair], known: Iterable[str]) -> dict[str, str]:
    """The fields by name. Raises Malformed when a `known` one comes twice, since nobody can say which one counts."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        for name in known:
            if names.count(name) > 1:
                raise Malformed(name, "comes more than once")
    return fields
