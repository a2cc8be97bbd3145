"""What a run has shown, as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.checker import EXAMPLES, FALLBACK, Verdict
from tests.chaos.history import History
from tests.chaos.run import Options, Run

LOST = ("lost", "not drained", "not heard")
DUPLICATED = ("duplicated", "sent all the same", "two answers")
OUT_OF_ORDER = ("out of order", "gap", "overlap")


def describe(options: Options) -> str:
    plan, scale = options.plan, options.scale
    return (
        f"seed {options.seed}: {options.conversations} conversations in {options.seconds:.0f} s, {plan.kills} SIGKILLs,"
        f" {plan.postgres_stops} immediate stops of PostgreSQL, {plan.freezes} SIGSTOPs, {plan.link_faults} faults of"
        f" links; every duration of the protocol divided by {scale.factor:g}"
    )


def tell(options: Options, run: Run, history: History, verdicts: Sequence[Verdict]) -> str:
    fallbacks = sum(turn.outcome == FALLBACK for turn in history.turns)
    lines = [
        f"texts {len(history.inbound)} (acknowledged {len(history.acknowledged)}), turns {len(history.turns)},"
        f" calls of the agent {len(history.calls)}, sent {len(history.accepted)}, fallbacks {fallbacks}",
        *_counts(run),
        *(_verdict(verdict) for verdict in verdicts),
        f"{count(verdicts, LOST)} lost, {count(verdicts, DUPLICATED)} duplicated,"
        f" {count(verdicts, OUT_OF_ORDER)} out of order",
        f"drained in {run.drained:.1f} s (bound {options.scale.drain_bound:.1f} s); {run.seconds:.0f} s in all,"
        f" {run.memory} MiB",
    ]
    return "\n".join(lines)


def table_row(run: Run, history: History, verdicts: Sequence[Verdict]) -> str:
    """The run as docs/proof.md shows it, behind the command."""

    def dealt(*kinds: str) -> int:
        return sum(times for name, times in run.counts.items() if name.partition(" ")[0] in kinds)

    stops = run.counts.get("kill postgresql", 0)
    cells = [len(history.inbound), len(history.turns), len(history.accepted), dealt("kill") - stops, stops]
    cells += [dealt("freeze"), dealt("cut", "delay", "hole"), dealt("twilio")]
    cells += [count(verdicts, kinds) for kinds in (LOST, DUPLICATED, OUT_OF_ORDER)]
    return " | ".join([*(f"{cell:,}" for cell in cells), f"{run.drained:.1f} s"])


def count(verdicts: Sequence[Verdict], kinds: tuple[str, ...]) -> int:
    return sum(sentence.startswith(kinds) for verdict in verdicts for sentence in verdict.broken)


def broken(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.invariant for verdict in verdicts if not verdict.holds]


def _counts(run: Run) -> list[str]:
    """One line for each kind of count: what was done to whom, how often."""
    groups: dict[str, list[str]] = {}
    for name, times in run.counts.items():
        kind, _, target = name.partition(" ")
        groups.setdefault(kind, []).append(f"{target or 'times'} {times}")
    totals = {kind: sum(int(part.rpartition(" ")[2]) for part in parts) for kind, parts in groups.items()}
    return [f"  {kind} {totals[kind]}: {', '.join(parts)}" for kind, parts in groups.items()]


def _verdict(verdict: Verdict) -> str:
    said = "holds" if verdict.holds else f"BROKEN {len(verdict.broken)} times"
    lines = [f"{verdict.invariant:5} {verdict.says}: {said} (of {verdict.looked_at})"]
    lines += [f"        {sentence}" for sentence in verdict.broken[:EXAMPLES]]
    return "\n".join(lines)
