"""Compares what a command printed with what a page shows of it.

What differs from run to run (ids, ports, times, keys) is masked; ids, keys and addresses are learned where a page first
shows them, so that later commands of the page can name them. `…` stands for what the page leaves out.
"""

from __future__ import annotations

import re

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
KEY = r"parley_[\w-]{40,}"
ADDRESS = r"127\.0\.0\.1:\d+"
LEARNED = re.compile(f"{UUID}|{KEY}|{ADDRESS}")
MASKED = {
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?": "‹moment›",
    r"\b\d\d:\d\d:\d\d\b": "‹time›",
    r"/tmp/[\w/.-]+": "‹folder›",
    r"\b\d+\.\d+s\b": "‹seconds›",
    r"\s+": " ",
}
LEFT_OUT = "…"


class Unlike(AssertionError):
    """What was printed is not what the page shows."""


class Likeness:
    """The values that a page shows, and what they are in this run."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def real(self, command: str) -> str:
        """The command with the ids, keys and addresses of this run."""
        return LEARNED.sub(lambda found: self._real.get(found[0], found[0]), command)

    def learn(self, shown: str, real: str) -> None:
        """For what another page has printed."""
        self._real[shown] = real

    def compare(self, shown: list[str], printed: list[str]) -> None:
        """Raises Unlike. Empty lines do not count."""
        wanted, there = [line for line in shown if line.strip()], [line for line in printed if line.strip()]
        pairs = _matched(wanted, there)
        if pairs is None or any(self._real.setdefault(value, real) != real for value, real in pairs):
            raise Unlike("\n".join(["the page shows", *wanted, "and the command prints", *there]))


def _matched(wanted: list[str], there: list[str]) -> list[tuple[str, str]] | None:
    """The values of the page and of this run, in pairs; None where the lines are not alike."""
    if not wanted:
        return None if there else []
    if wanted[0].strip() == LEFT_OUT:
        attempts = (_matched(wanted[1:], there[skipped:]) for skipped in range(len(there) + 1))
        return next((pairs for pairs in attempts if pairs is not None), None)
    if not there or not _alike(wanted[0], there[0]):
        return None
    rest = _matched(wanted[1:], there[1:])
    known, found = LEARNED.findall(wanted[0]), LEARNED.findall(there[0])
    return None if rest is None else [*(zip(known, found, strict=True) if len(known) == len(found) else ()), *rest]


def _alike(wanted: str, there: str) -> bool:
    return bool(re.fullmatch(".*".join(re.escape(part) for part in _shape(wanted).split(LEFT_OUT)), _shape(there)))


def _shape(line: str) -> str:
    line = LEARNED.sub("‹learned›", line)
    for pattern, mask in MASKED.items():
        line = re.sub(pattern, mask, line)
    return line.strip()
