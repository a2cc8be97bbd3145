"""Without any one of the operator's guards a test fails that says what the guard is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import pytest

from parley_operator.domain import deletion, plan, provision, route
from parley_operator.handlers.apply_step import ApplyStep
from tests.unit.operator import test_deletion as deletions
from tests.unit.operator import test_drift as drifts
from tests.unit.operator import test_every_mishap as mishaps
from tests.unit.operator import test_purchase as purchases
from tests.unit.operator.removal import GuardMoved, without, without_reason
from tests.unit.operator.world import SPEC, TERMS

Removal = Callable[[], AbstractContextManager[None]]
Proof = Callable[[], Awaitable[None]]

TWO_MISHAPS = mishaps.test_no_two_mishaps_buy_a_second_number_or_lose_the_first
GIVEN_UP = mishaps.test_no_mishap_loses_the_number_of_a_purchase_that_is_given_up
FORBIDDEN = purchases.test_a_guard_forbids_the_purchase_and_says_so
FORBIDDEN_LATER = purchases.test_what_was_chosen_is_not_bought_after_somebody_forbade_it


def spares(accident: object) -> Proof:
    return partial(deletions.test_a_number_is_never_released_by, accident)


PURCHASE: dict[str, tuple[Removal, Proof]] = {
    "the finalizer comes first": (
        partial(without, provision.provision, "not facts.resource.is_guarded"),
        GIVEN_UP,
    ),
    "the choice is written down first": (
        partial(
            without,
            ApplyStep._choose,
            "await self._note(run, status)",
            "run.resource = replace(run.resource, status=status)",
        ),
        TWO_MISHAPS,
    ),
    "what carries our name is adopted": (
        partial(without, provision.provision, "facts.named is not None"),
        TWO_MISHAPS,
    ),
    "what does not is not": (
        partial(without, provision._carry_out, "is_fixed and not facts.rival", "True"),
        purchases.test_a_chosen_number_that_the_account_bought_for_somebody_else_is_left_to_them,
    ),
    "an unclear purchase is looked up": (
        partial(without, provision._carry_out, "not facts.looked and not is_fresh"),
        purchases.test_a_purchase_of_unknown_outcome_is_looked_up_at_twilio_before_it_is_tried_again,
    ),
    "a list is believed after a while": (
        partial(without, provision._carry_out, "not (facts.is_first_attempt or _settled(facts))"),
        TWO_MISHAPS,
    ),
    "a namespace has a limit": (
        partial(without, provision._hindrance, "facts.purchases >= facts.terms.purchase_limit"),
        purchases.test_a_namespace_buys_no_more_numbers_than_it_may,
    ),
    "who was quicker is counted": (
        partial(without, ApplyStep._choose, "self._known.purchases(run.resource) >= facts.terms.purchase_limit"),
        purchases.test_resources_that_are_worked_on_at_once_share_one_budget,
    ),
    "one counts at a time": (
        partial(without, ApplyStep._choose, "self._choosing", "asyncio.Lock()"),
        purchases.test_resources_that_are_worked_on_at_once_share_one_budget,
    ),
    "Never forbids to choose": (
        partial(without, provision._hindrance, "(stop := _never(facts)) is not None"),
        partial(FORBIDDEN, replace(SPEC, purchase_policy="Never"), TERMS, "PurchaseForbidden"),
    ),
    "Never forbids to buy": (
        partial(without, provision._carry_out, "_never(facts) or ", ""),
        partial(FORBIDDEN_LATER, "policy"),
    ),
    "a dry run chooses nothing": (
        partial(without, provision._hindrance, "return _dry(facts)", "return None"),
        partial(FORBIDDEN, SPEC, replace(TERMS, dry_run=True), "DryRun"),
    ),
    "a dry run buys nothing": (
        partial(without, provision._carry_out, "_dry(facts) or ", ""),
        partial(FORBIDDEN_LATER, "dry run"),
    ),
}
KEEPING: dict[str, tuple[Removal, Proof]] = {
    "no webhook without a registration": (
        partial(without, route.route, "not is_known and number.sms_url != facts.terms.sms_url"),
        drifts.test_settings_that_the_session_service_refuses_are_reported_in_its_words,
    ),
    "a number that a list leaves out is asked for": (
        partial(without, provision._keep, "not facts.looked"),
        drifts.test_a_number_that_a_list_leaves_out_is_not_taken_for_lost,
    ),
    "a pause": (
        partial(without, plan.plan, "resource.spec.paused"),
        deletions.test_a_paused_resource_is_not_even_deleted,
    ),
    "the kill switch is newer than a plan": (
        partial(without, ApplyStep._enter, "newest.spec.sending if newest is not None else ", ""),
        drifts.test_the_kill_switch_is_not_undone_by_a_step_that_was_planned_before,
    ),
}
DELETION: dict[str, tuple[Removal, Proof]] = {
    "it waits for Twilio": (
        partial(without, deletion.next_step, "facts.account_problem or facts.twilio is not None"),
        deletions.test_a_deletion_waits_for_twilio_and_says_so,
    ),
    "it waits for a purchase": (
        partial(without, deletion._without_number, "if is_settled", "if True"),
        deletions.test_a_deletion_waits_for_a_purchase_that_a_dead_process_may_have_under_way,
    ),
    "it finds what was bought": (
        partial(without, deletion._without_number, "facts.named is not None"),
        GIVEN_UP,
    ),
    "it asks for what a list leaves out": (
        partial(without, deletion.next_step, "facts.held is None and not facts.looked"),
        deletions.test_a_number_that_a_list_leaves_out_is_released_all_the_same,
    ),
    "it leaves the number to an older resource": (
        partial(without, deletion.next_step, "if facts.rival", "if False"),
        deletions.test_the_younger_of_two_with_one_number_leaves_it_to_the_older,
    ),
    "the webhook goes first": (
        partial(without, deletion._undo, "number is not None and number.sms_url == facts.terms.sms_url"),
        deletions.test_the_webhook_goes_before_the_registration_and_that_before_the_number,
    ),
}
RELEASE: dict[str, Proof] = {
    "spec.releasePolicy is Retain": deletions.test_retain_alone_keeps_a_number,
    "spec.releasePolicy was Retain": spares(deletions.a_policy_that_was_changed_after_the_deletion),
    "it was adopted": spares(deletions.a_number_that_was_adopted_and_then_given_our_name),
    "it was renamed": spares(deletions.a_number_that_was_renamed),
    "nobody can tell whether the namespace": spares(deletions.a_namespace_of_which_we_may_know_nothing),
    "the whole namespace": spares(deletions.a_namespace_that_is_being_deleted),
    "nobody can tell whether the CRD": spares(deletions.a_crd_of_which_we_may_know_nothing),
    "the CRD": spares(deletions.a_crd_that_is_being_deleted),
    "a Helm release": spares(deletions.an_uninstalled_helm_release),
    "the operator runs dry": spares(deletions.an_operator_that_runs_dry),
}
GUARDS: dict[str, tuple[Removal, Proof]] = {
    **PURCHASE,
    **KEEPING,
    **DELETION,
    **{words: (partial(without_reason, words), proof) for words, proof in RELEASE.items()},
}


@pytest.mark.parametrize("guard", GUARDS)
async def test_without_the_guard_the_test_of_its_promise_fails(guard: str) -> None:
    remove, proof = GUARDS[guard]
    # Where a resource or its condition is expected, there may be none.
    with remove(), pytest.raises((AssertionError, KeyError)):
        await proof()


async def test_a_guard_that_was_taken_out_is_back_afterwards() -> None:
    remove, _ = GUARDS["what carries our name is adopted"]
    with remove():
        pass
    await purchases.test_a_purchase_that_was_not_answered_is_found_at_once()
    with without_reason("the CRD"):
        pass
    assert len(deletion.REASONS) == len(RELEASE)


def test_every_reason_not_to_release_a_number_has_its_control() -> None:
    assert len(RELEASE) == len(deletion.REASONS)


def test_a_guard_that_is_not_there_any_more_is_no_control() -> None:
    with pytest.raises(GuardMoved), without(plan.plan, "what nobody wrote"):
        pass
    with pytest.raises(GuardMoved), without_reason("what nobody wrote"):
        pass
