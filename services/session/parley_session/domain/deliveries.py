"""Which of several reports on one message counts: the one that got furthest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

FINAL = 5
"""The session API's DeliveryState numbers grow with how far a message got; from here on none replaces another."""

T = TypeVar("T")


def furthest(records: Iterable[T], key: Callable[[T], str], state: Callable[[T], int]) -> list[T]:
    """One record for each key: the furthest state, the first of equals, in the order of first appearance."""
    best: dict[str, T] = {}
    for record in records:
        known = best.get(key(record))
        if known is None or min(state(record), FINAL) > min(state(known), FINAL):
            best[key(record)] = record
    return list(best.values())
