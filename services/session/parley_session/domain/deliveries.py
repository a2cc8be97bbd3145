"""What reports on a message come to: which of several counts, and whether the provider has taken it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import TypeVar

from parley_session.domain.effects import MessageKind

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


class Acceptance(Enum):
    """Whether the provider has taken a message to the participant."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    OPTED_OUT = "opted_out"


ACCEPTED_STATES = frozenset({3, 4, 5, 7})
SUPPRESSED = 8


def acceptance_of(state: int) -> Acceptance:
    """From a number of the session API's DeliveryState."""
    if state in ACCEPTED_STATES:
        return Acceptance.ACCEPTED
    if state < FINAL:
        return Acceptance.OPEN
    return Acceptance.OPTED_OUT if state == SUPPRESSED else Acceptance.REFUSED


def concerns_session(kind: int, state: int) -> bool:
    """Whether more follows from a message's state than its place in the transcript."""
    return state == SUPPRESSED or kind == MessageKind.WARNING
