"""Walks every state that a protocol can reach, and tells the shortest way to one that must not be.

A protocol is a table of guarded rules. Removing one of its guards must lead to such a state: else the guard is idle, or
the model too small to see what it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

Standing = frozenset[str]
"""The names of the guards and assumptions that hold."""
Steps = Iterable[tuple[str, S]]
"""What may happen next: in words, and the state after it."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Guard:
    """What the product does, statement by statement, to keep the promise."""

    name: str
    path: str
    """The file that implements it."""
    statement: str
    """As it stands there."""

    @property
    def stands(self) -> bool:
        return self.statement in (ROOT / self.path).read_text()


@dataclass(frozen=True, slots=True)
class Assumption:
    """What the product takes on trust: removed, it leaves a hole that is named where users read it."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Rule(Generic[S]):
    steps: Callable[[S, Standing], Steps[S]]
    fault: bool = False
    """Nobody may count on it: to be done, a protocol has to get there without."""


@dataclass(frozen=True, slots=True)
class Protocol(Generic[S]):
    name: str
    start: S
    rules: Sequence[Rule[S]]
    invariants: Sequence[Callable[[S], bool]]
    """True while all is well. Named by what they say."""
    done: Callable[[S], bool]
    guards: Sequence[Guard]
    assumptions: Sequence[Assumption] = ()
    canonical: Callable[[S], S] = lambda state: state
    """One state for all that differ in names only."""

    @property
    def standing(self) -> Standing:
        return frozenset([guard.name for guard in self.guards] + [thing.name for thing in self.assumptions])


@dataclass(frozen=True, slots=True)
class Found:
    states: int
    broken: str = ""
    """The invariant that does not hold, or `can finish`; empty when all is well."""
    trace: Sequence[str] = ()
    """The steps that lead there, none of which can be left out."""

    def __str__(self) -> str:
        steps = "\n".join(f"  {number:2}. {step}" for number, step in enumerate(self.trace, start=1))
        return f"{self.states} states: " + (f"not so that {self.broken}\n{steps}" if self.broken else "all is well")


def explore(protocol: Protocol[S], without: Collection[str] = (), limit: int = 2_000_000) -> Found:
    """Breadth first, so that the first state that breaks an invariant is one of the nearest."""
    walk = _Walk(protocol, protocol.standing - set(without))
    place = 0
    while place < len(walk.states):
        if len(walk.states) > limit:
            raise OverflowError(f"{protocol.name}: more than {limit} states")
        broken = walk.judge(place)
        if broken:
            return Found(len(walk.states), broken, walk.trace(place))
        walk.expand(place)
        place += 1
    stuck = walk.stuck()
    if stuck is not None:
        return Found(place, "it can finish", walk.trace(stuck))
    return Found(place)


class _Walk(Generic[S]):
    def __init__(self, protocol: Protocol[S], standing: Standing) -> None:
        self._protocol = protocol
        self._standing = standing
        start = protocol.canonical(protocol.start)
        self.states = [start]
        self._place = {start: 0}
        self._folded = {protocol.start: 0}
        """The same by a state as a rule left it: most come again, and to find what they count as takes longest."""
        self._came = [(0, "")]
        self._before: list[list[int]] = [[]]
        """For each state those from which no fault leads to it."""

    def judge(self, place: int) -> str:
        state = self.states[place]
        for invariant in self._protocol.invariants:
            if not invariant(state):
                return invariant.__name__.replace("_", " ")
        return ""

    def expand(self, place: int) -> None:
        state, folded = self.states[place], self._folded
        for rule in self._protocol.rules:
            for what, reached in rule.steps(state, self._standing):
                at = folded.get(reached)
                if at is None:
                    at = folded[reached] = self._fold(reached, place, what)
                if not rule.fault:
                    self._before[at].append(place)

    def _fold(self, reached: S, place: int, what: str) -> int:
        """Where the state is that `reached` counts as, which comes after `place` if it is a new one."""
        after = self._protocol.canonical(reached)
        at = self._place.get(after)
        if at is None:
            at = self._place[after] = len(self.states)
            self.states.append(after)
            self._came.append((place, what))
            self._before.append([])
        return at

    def trace(self, place: int) -> list[str]:
        steps = []
        while place:
            place, what = self._came[place]
            steps.append(what)
        return steps[::-1]

    def stuck(self) -> int | None:
        """The nearest state from which nothing leads to the end."""
        ends = [place for place, state in enumerate(self.states) if self._protocol.done(state)]
        hopeful = set(ends)
        while ends:
            for place in self._before[ends.pop()]:
                if place not in hopeful:
                    hopeful.add(place)
                    ends.append(place)
        return next((place for place in range(len(self.states)) if place not in hopeful), None)
