"""Giving up: the webhook first, then the registration, and the number itself only when every sign says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parley_operator.domain.deletion import why_kept
from parley_operator.domain.facts import Facts
from parley_operator.domain.resource import ALLOW_RELEASE, HELM_RELEASE, RETAIN
from tests.unit.operator.world import KEY, RELEASING, SPEC, TERMS, World


async def held(world: World) -> World:
    await world.settle()
    assert world.condition("Ready") == ("True", "Ready")
    return world


async def test_a_number_is_retained_by_default_without_webhook_and_registration() -> None:
    world = await held(World())
    world.cluster.delete()
    await world.settle()
    assert KEY not in world.cluster.resources
    assert world.twilio.released == []
    assert [number.sms_url for number in world.twilio.numbers.values()] == [""]
    assert world.register.numbers == {}
    assert world.reasons[-1] == "Retained"


async def test_a_number_is_released_where_that_was_meant() -> None:
    world = await held(World(RELEASING))
    world.cluster.delete()
    await world.settle()
    assert KEY not in world.cluster.resources
    assert len(world.twilio.released) == 1
    assert world.register.numbers == {}


@pytest.mark.parametrize("fate", ["killed-before", "killed-after", "lost", "busy"])
@pytest.mark.parametrize("at", range(4))
async def test_a_deletion_is_finished_though_the_process_dies_at_any_request(at: int, fate: str) -> None:
    world = await held(World(RELEASING))
    world.fates.left = ["done"] * at + [fate]
    world.cluster.delete()
    await world.settle()
    assert KEY not in world.cluster.resources
    assert len(world.twilio.released) == 1
    assert world.register.numbers == {}


async def test_the_webhook_goes_before_the_registration_and_that_before_the_number() -> None:
    world = await held(World(RELEASING))
    world.cluster.delete()
    seen = []
    for _ in range(3):
        world.fates.left = ["done", "killed-before"]
        await world.live()
        hooked = any(number.sms_url for number in world.twilio.numbers.values())
        seen.append((hooked, bool(world.register.numbers), bool(world.twilio.numbers)))
    assert seen == [(False, True, True), (False, False, True), (False, False, False)]


async def a_policy_that_was_changed_after_the_deletion(world: World) -> None:
    world.cluster.edit(release_policy=RETAIN)
    await world.settle()
    world.cluster.delete()
    world.cluster.edit(release_policy="Release")


async def a_policy_that_was_taken_back_after_the_deletion(world: World) -> None:
    world.cluster.delete()
    world.cluster.edit(release_policy=RETAIN)


async def a_namespace_that_is_being_deleted(world: World) -> None:
    world.cluster.namespace_ending = True
    world.cluster.delete()


async def a_namespace_of_which_we_may_know_nothing(world: World) -> None:
    world.cluster.namespace_ending = None
    world.cluster.delete()


async def a_crd_that_is_being_deleted(world: World) -> None:
    world.cluster.kind_ending = True
    world.cluster.delete()


async def an_uninstalled_helm_release(world: World) -> None:
    world.cluster.put(replace(world.resource, annotations={HELM_RELEASE: "shop"}))
    world.cluster.delete()


async def a_crd_of_which_we_may_know_nothing(world: World) -> None:
    world.cluster.kind_ending = None
    world.cluster.delete()


async def a_number_that_was_adopted_and_then_given_our_name(world: World) -> None:
    number = next(iter(world.twilio.numbers.values()))
    world.cluster.put(replace(world.resource, status=replace(world.resource.status, origin="Adopted")))
    assert number.friendly_name == world.resource.friendly_name
    world.cluster.delete()


async def a_number_that_was_renamed(world: World) -> None:
    number = next(iter(world.twilio.numbers.values()))
    world.twilio.numbers[number.sid] = replace(number, friendly_name="Do not touch")
    world.cluster.delete()


async def an_operator_that_runs_dry(world: World) -> None:
    world.terms = replace(TERMS, dry_run=True)
    world.start()
    world.cluster.delete()


ACCIDENTS = [
    a_policy_that_was_changed_after_the_deletion,
    a_policy_that_was_taken_back_after_the_deletion,
    a_namespace_that_is_being_deleted,
    a_namespace_of_which_we_may_know_nothing,
    a_crd_that_is_being_deleted,
    a_crd_of_which_we_may_know_nothing,
    a_number_that_was_adopted_and_then_given_our_name,
    an_uninstalled_helm_release,
    a_number_that_was_renamed,
    an_operator_that_runs_dry,
]


@pytest.mark.parametrize("accident", ACCIDENTS, ids=lambda accident: accident.__name__)
async def test_a_number_is_never_released_by(accident: object) -> None:
    world = await held(World(RELEASING))
    await accident(world)  # type: ignore[operator]
    await world.settle()
    assert KEY not in world.cluster.resources
    assert world.twilio.released == []
    assert world.reasons[-1] == "Retained"


async def test_retain_alone_keeps_a_number() -> None:
    world = await held(World(RELEASING))
    resource, [number] = world.resource, world.twilio.numbers.values()
    facts = Facts(resource, TERMS, world.now, held=number, namespace_ending=False, kind_ending=False)
    assert why_kept(facts, number) == ""
    retaining = replace(facts, resource=replace(resource, spec=replace(resource.spec, release_policy=RETAIN)))
    assert why_kept(retaining, number) == "spec.releasePolicy is Retain"


async def test_a_helm_release_that_says_so_releases() -> None:
    world = await held(World(RELEASING))
    world.cluster.put(replace(world.resource, annotations={HELM_RELEASE: "shop", ALLOW_RELEASE: "true"}))
    world.cluster.delete()
    await world.settle()
    assert len(world.twilio.released) == 1


async def test_an_adopted_number_is_never_released() -> None:
    world = World(replace(RELEASING, phone_number="+447000000009"))
    world.twilio.own("+447000000009")
    await held(world)
    world.cluster.delete()
    await world.settle()
    assert world.twilio.released == []


async def test_a_deletion_waits_for_twilio_and_says_so() -> None:
    world = await held(World())
    world.cluster.delete()
    world.twilio.outage = True
    await world.live()
    assert world.condition("Ready") == ("False", "DeletionWaits")
    world.twilio.outage = False
    await world.settle()
    assert KEY not in world.cluster.resources


async def test_a_number_that_a_list_leaves_out_is_released_all_the_same() -> None:
    world = await held(World(RELEASING))
    world.twilio.hide(world.resource.status.sid)
    world.cluster.delete()
    await world.settle()
    assert KEY not in world.cluster.resources
    assert len(world.twilio.released) == 1


async def test_a_webhook_that_somebody_else_has_set_is_left_alone() -> None:
    world = await held(World())
    number = next(iter(world.twilio.numbers.values()))
    world.cluster.delete()
    world.twilio.numbers[number.sid] = replace(number, sms_url="https://elsewhere.example.com")
    await world.settle()
    assert [one.sms_url for one in world.twilio.numbers.values()] == ["https://elsewhere.example.com"]


async def test_the_younger_of_two_with_one_number_leaves_it_to_the_older() -> None:
    world = await held(World())
    twin = ("shop", "twin")
    world.add(twin, SPEC, status=world.resource.status, finalizers=world.resource.finalizers)
    await world.live(twin)
    assert world.condition("Provisioned", twin) == ("False", "NumberContested")
    world.cluster.delete(twin)
    await world.settle(twin)
    assert twin not in world.cluster.resources
    assert len(world.register.numbers) == 1


async def test_a_paused_resource_is_not_even_deleted() -> None:
    world = await held(World())
    world.cluster.edit(paused=True)
    world.cluster.delete()
    await world.live()
    assert KEY in world.cluster.resources
    assert world.condition("Ready") == ("True", "Paused")
    assert len(world.register.numbers) == 1


async def test_a_deletion_waits_for_a_purchase_that_a_dead_process_may_have_under_way() -> None:
    world = World(fates=["done", "done", "killed-before"])  # finalizer, choice, purchase
    await world.live()
    world.cluster.delete()
    assert await world.live()
    assert KEY in world.cluster.resources
    world.twilio.own(world.resource.status.chosen_number, friendly_name=world.resource.friendly_name)
    await world.settle()
    assert KEY not in world.cluster.resources
    assert world.reasons[-1] == "Retained"
