"""The protocols that are walked, and what is said of each: how many states it has, and what none of them breaks.

│ protocol  configuration                                                       states  guards
│ hand-off  2 texts, one taken back, one 429, a network that loses and repeats  12,447       6
│ send      2 texts of equal words, 2 processes, 2 claims of the first, 1 kill  72,318      10
│           or lost commit, 1 list that misses a text
│ turn      2 texts brought at will, 2 accepting processes, 3 claims, 1 end      27,115      7
│ time-out  2 texts, 9 steps of time, webhooks that never come                  97,018       6
│ opt-out   2 keywords in any order, 2 lanes of one scope, 1 text each           8,478       7
│ gate      1 text and its answer, 2 processes, 1 restore to any earlier state   7,232       7
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.model import gate, hand_off, opt_out, send, time_out, turn
from tests.model.search import Found, Protocol, explore

PROTOCOLS: Mapping[str, Protocol[Any]] = {
    protocol.name: protocol
    for protocol in (
        hand_off.PROTOCOL,
        send.PROTOCOL,
        turn.PROTOCOL,
        time_out.PROTOCOL,
        opt_out.PROTOCOL,
        gate.PROTOCOL,
    )
}

# A model that has lost its rules finds nothing wrong either; one that grew tenfold says so here, not in minutes.
STATES: Mapping[str, tuple[int, int]] = {
    "hand-off": (8_000, 20_000),
    "send": (50_000, 110_000),
    "turn": (15_000, 50_000),
    "time-out": (60_000, 140_000),
    "opt-out": (5_000, 17_000),
    "gate": (4_500, 15_000),
}

GUARDS = [(protocol.name, guard.name) for protocol in PROTOCOLS.values() for guard in protocol.guards]
ASSUMPTIONS = [(protocol.name, thing.name) for protocol in PROTOCOLS.values() for thing in protocol.assumptions]
IN_THE_CODE = [(protocol.name, guard) for protocol in PROTOCOLS.values() for guard in protocol.guards]


def walk(protocol: str, without: str = "") -> Found:
    """Prints what it finds, for `pytest -s` and for who reads a failure."""
    found = explore(PROTOCOLS[protocol], [without] if without else [])
    print(f"\n{protocol}{f' without {without}' if without else ''}: {found}")
    return found
