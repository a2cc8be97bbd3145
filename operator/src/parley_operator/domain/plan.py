"""The next step and the conditions, from the facts: get a number, register it, route its texts; or give it up.

One step at a time. What it does is looked at anew before the next is planned, so that a plan made after a crash is no
other than a plan made without one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from parley_operator.domain import deletion
from parley_operator.domain.conditions import (
    FALSE,
    READY,
    SMS_CAPABLE,
    UNKNOWN,
    Condition,
    Conditions,
    ready,
    stamped,
)
from parley_operator.domain.facts import Facts
from parley_operator.domain.failures import LATER, SOON
from parley_operator.domain.finding import Finding, fails, holds, not_yet, unseen
from parley_operator.domain.provision import provision
from parley_operator.domain.register import register
from parley_operator.domain.resource import Status
from parley_operator.domain.route import route
from parley_operator.domain.steps import Step
from parley_operator.domain.us_a2p import us_a2p

PAUSED = "Nothing is checked and nothing is changed, at Twilio or elsewhere. Remove spec.paused to go on."


@dataclass(frozen=True, slots=True)
class Plan:
    """`status` is written when there is no step, or none that can be taken. `retry_after` is in seconds."""

    status: Status
    step: Step | None = None
    retry_after: float | None = None


def sms_capable(facts: Facts) -> Finding:
    if (blind := unseen(facts, SMS_CAPABLE)) is not None:
        return blind
    number = facts.number
    if number is None:
        return not_yet(SMS_CAPABLE)
    if number.sms:
        return holds(SMS_CAPABLE, "SmsCapable", "Twilio says that the number can receive and send SMS.")
    return fails(
        SMS_CAPABLE,
        "NoSms",
        "Twilio says that the number carries no SMS. Delete this PhoneNumber and create one of another spec.type.",
    )


# In this order: what a later one does relies on what an earlier one has done.
RULES: tuple[Callable[[Facts], Finding], ...] = (provision, sms_capable, register, route, us_a2p)


def plan(facts: Facts) -> Plan:
    resource = facts.resource
    if resource.spec.paused:
        return Plan(_paused(facts))
    if resource.deleting:
        return _deletion(facts)
    findings = [rule(facts) for rule in RULES]
    found = {finding.condition.type: finding.condition for finding in findings}
    found[READY] = ready(found, resource.spec.agent)
    retries = [finding.retry_after for finding in findings if finding.retry_after is not None]
    step = next((finding.step for finding in findings if finding.step is not None), None)
    status = replace(_observed(facts, found), release_policy=resource.spec.release_policy)
    return Plan(status, step, min(retries, default=None))


def _paused(facts: Facts) -> Status:
    before = facts.resource.status.conditions.get(READY)
    found = Condition(READY, before.status if before else UNKNOWN, "Paused", PAUSED)
    return _observed(facts, {READY: found})


def _deletion(facts: Facts) -> Plan:
    if not facts.resource.is_guarded:
        return Plan(facts.resource.status)
    step = deletion.next_step(facts)
    if step is not None:
        return Plan(facts.resource.status, step)
    stop = facts.twilio or facts.session or next(iter(facts.failures.values()), None)
    message = facts.account_problem or (stop.message if stop else "A purchase of unknown outcome is waited for.")
    found = Condition(READY, FALSE, "DeletionWaits", f"The deletion waits. {message}")
    pause = stop.retry_after if stop else LATER if facts.account_problem else SOON
    return Plan(_observed(facts, {READY: found}), retry_after=min(pause, LATER))


def _observed(facts: Facts, found: Conditions) -> Status:
    status, generation = facts.resource.status, facts.resource.generation
    conditions = stamped(found.values(), status.conditions, generation, facts.now)
    return replace(status, conditions={**status.conditions, **conditions}, observed_generation=generation)
