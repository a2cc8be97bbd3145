"""What one rule finds: a condition, perhaps the next step, perhaps when to look again."""

from __future__ import annotations

from dataclasses import dataclass

from parley_operator.domain.conditions import FALSE, TRUE, UNKNOWN, Condition
from parley_operator.domain.facts import Facts
from parley_operator.domain.failures import Failure
from parley_operator.domain.steps import Step


@dataclass(frozen=True, slots=True)
class Finding:
    condition: Condition
    step: Step | None = None
    retry_after: float | None = None
    """Seconds; None: at the next resync."""


def holds(type_: str, reason: str, message: str) -> Finding:
    return Finding(Condition(type_, TRUE, reason, message))


def fails(type_: str, reason: str, message: str, step: Step | None = None, retry_after: float | None = None) -> Finding:
    return Finding(Condition(type_, FALSE, reason, message), step, retry_after)


def open_question(
    type_: str, reason: str, message: str, step: Step | None = None, retry_after: float | None = None
) -> Finding:
    return Finding(Condition(type_, UNKNOWN, reason, message), step, retry_after)


def stopped_by(facts: Facts, type_: str, failure: Failure) -> Finding:
    """What passes by itself changes no condition that was known: a number does not break because an API is away."""
    before = facts.resource.status.conditions.get(type_)
    if failure.is_passing and before is not None:
        condition = Condition(type_, before.status, before.reason, before.message)
    else:
        condition = Condition(type_, UNKNOWN if failure.is_passing else FALSE, failure.reason, failure.message)
    return Finding(condition, retry_after=failure.retry_after)


def unseen(facts: Facts, type_: str) -> Finding | None:
    """What was known of a number stands while Twilio does not show it: the condition Provisioned says why."""
    if not facts.resource.status.sid or not facts.is_blind:
        return None
    before = facts.resource.status.conditions.get(type_)
    if before is not None:
        return Finding(Condition(type_, before.status, before.reason, before.message))
    return open_question(type_, "NotSeen", "Twilio does not show the number: see the condition Provisioned.")


def not_yet(type_: str) -> Finding:
    return open_question(type_, "NoNumber", "There is no number: see the condition Provisioned.")
