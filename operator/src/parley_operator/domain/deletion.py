"""Giving a number up: its webhook first, then its registration; released only where every sign says that it is meant.

A released number cannot be had again. So it stays the account's (Retain) unless all of this holds: the policy says
Release now and said so before the deletion; the number was bought for this very resource and still carries its name;
neither the namespace nor the CRD is going; and no Helm release holds the resource, whose uninstallation deletes it too.
"""

from __future__ import annotations

from collections.abc import Callable

from parley_operator.domain.facts import Facts, OwnedNumber
from parley_operator.domain.resource import ALLOW_RELEASE, BOUGHT, HELM_RELEASE, RELEASE, Resource
from parley_operator.domain.steps import Configure, Deregister, Detach, Hold, Look, Release, RemoveFinalizer, Step

NO_WEBHOOK = {"SmsUrl": "", "SmsFallbackUrl": ""}


def next_step(facts: Facts) -> Step | None:
    """The next step of a deletion. None: it waits, for Twilio, the session service, or an unclear purchase."""
    resource = facts.resource
    if facts.account_problem or facts.twilio is not None:
        return None
    if not resource.status.sid:
        return _without_number(facts)
    if facts.rival:
        return RemoveFinalizer("LeftAlone", f"PhoneNumber {facts.rival} holds the number and looks after it.")
    if facts.held is None and not facts.looked:
        return Look()
    return _undo(facts, facts.held)


def _without_number(facts: Facts) -> Step | None:
    status = facts.resource.status
    if facts.named is not None:
        return Hold(facts.named.phone_number, facts.named.sid, BOUGHT, facts.named.created)
    if not status.chosen_number:
        return RemoveFinalizer("NothingHeld", "There was no number.")
    if not facts.looked:
        return Look()
    # A request to buy it may still be under way, from a process that is no more.
    is_settled = facts.now >= status.chosen_time + facts.terms.settle
    return RemoveFinalizer("NothingHeld", "There was no number.") if is_settled else None


def _undo(facts: Facts, number: OwnedNumber | None) -> Step | None:
    if number is not None and number.sms_url == facts.terms.sms_url:
        return None if Configure in facts.failures else Configure(number.sid, NO_WEBHOOK)
    if facts.session is not None:
        return None
    if facts.registration is not None:
        return None if Deregister in facts.failures else Deregister(facts.resource.status.phone_number)
    if number is None:
        return RemoveFinalizer("NothingHeld", "The account does not have the number any more.")
    if keeps := why_kept(facts, number):
        return RemoveFinalizer("Retained", f"The number stays in the Twilio account: {keeps}.")
    if facts.service is not None:
        return None if Detach in facts.failures else Detach(facts.service.sid, number.sid)
    return None if Release in facts.failures else Release(number.sid, number.phone_number)


def why_kept(facts: Facts, number: OwnedNumber) -> str:
    """The first reason not to release the number; empty when there is none."""
    return next((why for is_so, why in REASONS if is_so(facts, number)), "")


def _is_helms(resource: Resource) -> bool:
    return HELM_RELEASE in resource.annotations and resource.annotations.get(ALLOW_RELEASE) != "true"


REASONS: tuple[tuple[Callable[[Facts, OwnedNumber], bool], str], ...] = (
    (lambda facts, _: facts.resource.spec.release_policy != RELEASE, "spec.releasePolicy is Retain"),
    (lambda facts, _: facts.resource.status.release_policy != RELEASE, "spec.releasePolicy was Retain before"),
    (lambda facts, _: facts.resource.status.origin != BOUGHT, "it was adopted, not bought for this resource"),
    (lambda facts, number: number.friendly_name != facts.resource.friendly_name, "it was renamed at Twilio"),
    (lambda facts, _: facts.namespace_ending is None, "nobody can tell whether the namespace is being deleted"),
    (lambda facts, _: facts.namespace_ending is True, "the whole namespace is being deleted"),
    (lambda facts, _: facts.kind_ending is None, "nobody can tell whether the CRD is being deleted"),
    (lambda facts, _: facts.kind_ending is True, "the CRD is being deleted"),
    (lambda facts, _: _is_helms(facts.resource), f"a Helm release holds it, and no annotation {ALLOW_RELEASE}"),
    (lambda facts, _: facts.terms.dry_run, "the operator runs dry"),
)  # fmt: skip
