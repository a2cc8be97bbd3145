"""What becomes news: Ready when it changes, and each condition that turns False, once."""

from __future__ import annotations

import pytest

from parley_operator.domain.conditions import FALSE, TRUE, UNKNOWN, Condition, ready, transitions

OTHERS = ("Provisioned", "SmsCapable", "Registered", "WebhookConfigured", "UsA2p")


def conditions(**statuses: str) -> dict[str, Condition]:
    found = {name: Condition(name, statuses.get(name, TRUE), f"{name}Reason", "") for name in OTHERS}
    return {**found, "Ready": ready(found, "support")}


@pytest.mark.parametrize(
    ("statuses", "status", "reason"),
    [
        ({}, TRUE, "Ready"),
        ({"UsA2p": UNKNOWN}, TRUE, "Ready"),
        ({"UsA2p": FALSE}, FALSE, "UsA2pReason"),
        ({"Registered": UNKNOWN}, UNKNOWN, "RegisteredReason"),
        ({"Registered": UNKNOWN, "WebhookConfigured": FALSE}, FALSE, "WebhookConfiguredReason"),
        ({"Provisioned": FALSE, "SmsCapable": FALSE}, FALSE, "ProvisionedReason"),
    ],
)
def test_ready_repeats_what_stands_in_the_way(statuses: dict[str, str], status: str, reason: str) -> None:
    assert conditions(**statuses)["Ready"].says == (status, reason)


def told(before: dict[str, Condition], after: dict[str, Condition]) -> list[str]:
    return [condition.type for condition in transitions(before, after)]


def test_a_number_that_becomes_ready_is_told_once() -> None:
    assert told({}, conditions()) == ["Ready"]
    assert told(conditions(Provisioned=FALSE), conditions()) == ["Ready"]


def test_a_condition_that_turns_false_is_told_and_ready_does_not_repeat_it() -> None:
    assert told(conditions(), conditions(WebhookConfigured=FALSE)) == ["WebhookConfigured"]


def test_nothing_new_is_no_news() -> None:
    assert told(conditions(UsA2p=FALSE), conditions(UsA2p=FALSE)) == []


def test_what_is_not_known_is_no_news() -> None:
    assert told({}, conditions(Provisioned=UNKNOWN, Registered=UNKNOWN)) == []


def test_a_pause_is_news() -> None:
    paused = {**conditions(), "Ready": Condition("Ready", TRUE, "Paused", "")}
    assert told(conditions(), paused) == ["Ready"]
