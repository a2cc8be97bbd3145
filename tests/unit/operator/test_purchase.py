"""Buying: one number and no more, whenever the process is killed and whatever Twilio forgets to answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley_operator.domain.facts import Offer
from parley_operator.domain.resource import Status
from tests.unit.operator.memory_twilio import START
from tests.unit.operator.world import KEY, SPEC, TERMS, World

FATES = ("killed-before", "killed-after", "lost", "busy", "unreachable", "done")
WRITES = 8
"""Requests that change something from the finalizer to the last status, if all goes well; a few more."""


async def test_a_number_is_chosen_bought_registered_and_routed() -> None:
    world = World()
    await world.settle()
    status = world.resource.status
    assert [status.phone_number] == world.twilio.bought
    assert (status.origin, status.chosen_number, status.ingest_from) == ("Bought", "", START)
    assert world.condition("Ready") == ("True", "Ready")
    assert world.twilio.numbers[status.sid].sms_url == TERMS.sms_url
    assert world.register.numbers[status.phone_number].agent == "support"
    assert world.resource.is_guarded


async def test_the_choice_stands_in_the_status_before_it_is_bought() -> None:
    world = World(fates=["done", "done", "killed-before"])  # finalizer, choice, purchase
    await world.live()
    assert world.resource.status.chosen_number == "+447900000000"
    assert world.twilio.bought == []


async def test_a_number_has_no_webhook_before_it_is_registered() -> None:
    world = World(fates=["done", "done", "done", "done", "killed-before"])  # ... purchase, hold, registration
    await world.live()
    assert [number.sms_url for number in world.twilio.numbers.values()] == [""]


@pytest.mark.parametrize("fate", ["killed-before", "killed-after", "lost"])
@pytest.mark.parametrize("at", range(WRITES))
async def test_one_number_is_bought_though_the_process_dies_at_any_request(at: int, fate: str) -> None:
    world = World(fates=["done"] * at + [fate])
    await world.settle()
    assert len(world.twilio.bought) == len(world.twilio.numbers) == 1
    assert world.condition("Ready") == ("True", "Ready")


@settings(max_examples=60, deadline=None)
@given(fates=st.lists(st.sampled_from(FATES), max_size=14), stolen=st.integers(0, 3))
async def test_one_number_is_bought_whatever_happens_on_the_way(fates: list[str], stolen: int) -> None:
    world = World(fates=fates)
    world.twilio.stolen = {offer.phone_number for offer in world.twilio.for_sale[:stolen]}
    await world.settle()
    assert len(world.twilio.bought) == len(world.twilio.numbers) == 1
    assert [world.resource.status.phone_number] == world.twilio.bought
    assert world.condition("Ready") == ("True", "Ready")
    assert set(world.register.numbers) == set(world.twilio.bought)


@settings(max_examples=60, deadline=None)
@given(fates=st.lists(st.sampled_from(FATES), max_size=12))
async def test_a_purchase_that_is_given_up_leaves_nothing_behind(fates: list[str]) -> None:
    """The resource is deleted in the middle: what was bought is told of and has no webhook, or was never bought."""
    world = World(fates=fates)
    await world.live()
    world.cluster.delete()
    await world.settle()
    assert KEY not in world.cluster.resources
    assert len(world.twilio.bought) <= 1
    assert all(number.sms_url == "" for number in world.twilio.numbers.values())
    assert world.register.numbers == {}
    told = {"Retained"} & set(world.reasons)
    assert bool(told) == bool(world.twilio.numbers)


async def test_a_number_that_was_sold_to_another_is_given_up_for_the_next() -> None:
    world = World()
    world.twilio.stolen = {world.twilio.for_sale[0].phone_number}
    await world.settle()
    assert world.twilio.bought == ["+447900000001"]


async def test_a_choice_of_an_earlier_process_is_not_given_up_before_twilio_must_have_listed_it() -> None:
    """The earlier process may have bought it, and the list be late."""
    world = World(fates=["done", "done", "killed-before"])
    await world.live()
    world.twilio.stolen = {world.resource.status.chosen_number}
    pause = await world.live()
    assert pause == TERMS.settle
    assert world.condition("Provisioned") == ("Unknown", "PurchaseUnclear")
    world.now += TERMS.settle
    await world.settle()
    assert world.twilio.bought == ["+447900000001"]


async def test_a_chosen_number_that_the_account_bought_for_somebody_else_is_left_to_them() -> None:
    world = World(fates=["done", "done", "killed-before"])  # finalizer, choice, purchase
    await world.live()
    theirs = world.twilio.own(world.resource.status.chosen_number, friendly_name="Reception")
    await world.settle()
    assert world.resource.status.phone_number == "+447900000001"
    assert world.twilio.numbers[theirs.sid] == theirs


async def test_two_resources_never_get_the_same_number() -> None:
    world, other = World(), ("shop", "sales")
    world.add(other, SPEC)
    await world.settle()
    await world.settle(other)
    assert len(set(world.twilio.bought)) == 2


async def test_a_fixed_number_that_the_account_owns_is_adopted_and_not_bought() -> None:
    world = World(replace(SPEC, phone_number="+447000000009"))
    world.twilio.own("+447000000009", friendly_name="Reception", sms_url="https://elsewhere.example.com")
    await world.settle()
    assert world.twilio.bought == []
    assert world.resource.status.origin == "Adopted"
    assert [number.friendly_name for number in world.twilio.numbers.values()] == ["Reception"]
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_fixed_number_that_is_for_sale_is_bought() -> None:
    world = World(replace(SPEC, phone_number="+447900000005"))
    await world.settle()
    assert world.twilio.bought == ["+447900000005"]


async def test_a_fixed_number_that_nobody_has_is_reported() -> None:
    world = World(replace(SPEC, phone_number="+447000000009"))
    await world.settle(rounds=3)
    assert world.condition("Ready") == ("False", "NumberUnavailable")
    assert world.resource.status.chosen_number == ""


async def test_a_fixed_number_of_another_resource_is_left_alone() -> None:
    world, other = World(), ("shop", "sales")
    await world.settle()
    world.add(other, replace(SPEC, phone_number=world.resource.status.phone_number))
    await world.settle(other)
    assert world.condition("Provisioned", other) == ("False", "NumberTaken")


@pytest.mark.parametrize(
    ("spec", "terms", "reason"),
    [
        (replace(SPEC, purchase_policy="Never"), TERMS, "PurchaseForbidden"),
        (SPEC, replace(TERMS, dry_run=True), "DryRun"),
        (SPEC, replace(TERMS, purchase_limit=0), "PurchaseLimit"),
        (replace(SPEC, country="IN"), TERMS, "CountryOneWay"),
        (replace(SPEC, bundle_sid="BU1"), TERMS, "BundleNotApproved"),
    ],
)
async def test_a_guard_forbids_the_purchase_and_says_so(spec: object, terms: object, reason: str) -> None:
    world = World(spec, terms)  # type: ignore[arg-type]
    await world.settle(rounds=3)
    assert world.twilio.bought == []
    assert world.resource.status.chosen_number == ""
    assert world.condition("Ready") == ("False", reason)


async def test_a_namespace_buys_no_more_numbers_than_it_may() -> None:
    world = World(terms=replace(TERMS, purchase_limit=2))
    others = [("shop", name) for name in ("sales", "night")]
    for key in others:
        world.add(key, SPEC)
    world.add(("clinic", "front"), SPEC)
    for key in (KEY, *others, ("clinic", "front")):
        await world.settle(key, rounds=3)
    assert len(world.twilio.bought) == 3  # two of the shop's, and the clinic's
    assert world.condition("Provisioned", others[1]) == ("False", "PurchaseLimit")


@pytest.mark.parametrize("forbid", ["policy", "dry run"])
async def test_what_was_chosen_is_not_bought_after_somebody_forbade_it(forbid: str) -> None:
    world = World(fates=["done", "done", "killed-before"])  # finalizer, choice, purchase
    await world.live()
    if forbid == "policy":
        world.cluster.edit(purchase_policy="Never")
    else:
        world.terms = replace(TERMS, dry_run=True)
        world.start()
    await world.settle(rounds=3)
    assert world.twilio.bought == []
    assert world.condition("Ready") == ("False", "PurchaseForbidden" if forbid == "policy" else "DryRun")
    # What a dead process has asked for may have come about all the same.
    world.twilio.own(world.resource.status.chosen_number, friendly_name=world.resource.friendly_name)
    await world.settle()
    assert world.condition("Provisioned") == ("True", "Bought")


async def test_resources_that_are_worked_on_at_once_share_one_budget() -> None:
    world = World(terms=replace(TERMS, purchase_limit=2))
    world.cluster.edit(phone_number="+447900000000")
    keys = [KEY, *(("shop", name) for name in ("sales", "night", "spare"))]
    for index, key in enumerate(keys[1:], 1):
        world.add(key, replace(SPEC, phone_number=f"+44790000000{index}"))
    await asyncio.gather(*map(world.live, keys))
    assert len(world.twilio.bought) == 2
    assert sum(world.condition("Provisioned", key) == ("False", "PurchaseLimit") for key in keys) == 2


async def test_an_address_that_is_missing_is_asked_for_before_anything_is_bought() -> None:
    world = World()
    world.twilio.for_sale = [Offer("+447900000001", "any")]
    await world.settle(rounds=3)
    assert world.condition("Ready") == ("False", "AddressRequired")
    world.cluster.edit(address_sid="AD1")
    await world.settle()
    assert world.twilio.bought == ["+447900000001"]


async def test_nothing_for_sale_is_reported_with_what_to_change() -> None:
    world = World(replace(SPEC, contains="*555*"))
    world.twilio.for_sale = []
    await world.settle(rounds=3)
    assert world.condition("Ready") == ("False", "NoneAvailable")
    assert "spec.contains" in world.resource.status.conditions["Ready"].message


async def test_offers_that_others_have_chosen_are_left_to_them() -> None:
    world, other = World(), ("shop", "sales")
    first = world.twilio.for_sale[0].phone_number
    world.add(other, SPEC, status=Status(chosen_number=first, chosen_time=START))
    await world.settle()
    assert world.twilio.bought == ["+447900000001"]
    world.twilio.for_sale = [Offer(first)]
    world.add(("shop", "night"), SPEC)
    assert await world.live(("shop", "night")) == 5.0
    assert world.condition("Provisioned", ("shop", "night")) == ("Unknown", "NoneAvailable")


async def test_a_purchase_of_unknown_outcome_is_looked_up_at_twilio_before_it_is_tried_again() -> None:
    """What is remembered of Twilio's list is of no use for that."""
    world = World(fates=["done", "done", "lost"])  # finalizer, choice, purchase
    world.start(age=1000.0)
    await world.settle()
    assert world.twilio.purchases == 1
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_purchase_that_was_not_answered_is_found_at_once() -> None:
    world = World(fates=["done", "done", "killed-before", "lost"])  # finalizer, choice, purchase, purchase
    await world.live()
    await world.live()
    assert world.resource.status.phone_number == world.twilio.bought[0]
