"""Conditions as Kubernetes knows them: a status, a reason for machines, and a message that tells people what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"

PROVISIONED = "Provisioned"
SMS_CAPABLE = "SmsCapable"
REGISTERED = "Registered"
WEBHOOK_CONFIGURED = "WebhookConfigured"
US_A2P = "UsA2p"
READY = "Ready"
TYPES = (PROVISIONED, SMS_CAPABLE, REGISTERED, WEBHOOK_CONFIGURED, US_A2P, READY)
NEEDED = (PROVISIONED, SMS_CAPABLE, REGISTERED, WEBHOOK_CONFIGURED)


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: str
    reason: str
    message: str = field(repr=False)
    observed_generation: int = 0
    since: float = 0.0
    """When the status last changed, in seconds since 1970."""

    @property
    def says(self) -> tuple[str, str]:
        return self.status, self.reason


Conditions = Mapping[str, Condition]
"""By type."""


def ready(found: Conditions, agent: str) -> Condition:
    """True when the four that are needed are True and UsA2p is not False; else it repeats what stands in the way.

    One that is False goes before one that is Unknown: there is something to do about it.
    """
    missing = [found[name] for name in NEEDED if found[name].status != TRUE]
    missing += [found[US_A2P]] if found[US_A2P].status == FALSE else []
    if not missing:
        return Condition(READY, TRUE, "Ready", f"Texts to the number reach agent {agent}.")
    first = min(missing, key=lambda condition: condition.status != FALSE)
    return Condition(READY, first.status, first.reason, first.message)


def stamped(found: Iterable[Condition], before: Conditions, generation: int, now: float) -> dict[str, Condition]:
    """Conditions as they are to be stored: each with the moment since which its status holds."""
    stored = {}
    for condition in found:
        old = before.get(condition.type)
        since = old.since if old is not None and old.status == condition.status else now
        stored[condition.type] = replace(condition, observed_generation=generation, since=since)
    return stored


def transitions(before: Conditions, after: Conditions) -> list[Condition]:
    """What is news to people: that Ready changed, and which condition is False now, each once.

    A Ready that only repeats another condition is none.
    """
    causes = {condition.reason for name, condition in after.items() if name != READY}
    changed = [
        condition for name, condition in after.items() if name not in before or before[name].says != condition.says
    ]
    return [
        condition
        for condition in changed
        if (condition.reason not in causes if condition.type == READY else condition.status == FALSE)
    ]
