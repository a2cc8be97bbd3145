"""What somebody changes behind our back is changed back or reported; what is away changes nothing that was known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parley_operator.domain.facts import Service
from parley_operator.domain.failures import Failure, Kind
from parley_operator.domain.resource import Spec
from parley_operator.errors import Refused
from parley_operator.handlers.observe_register import ObservedRegister
from parley_operator.handlers.switch_sending import SwitchSending
from parley_operator.ports import NoAccount
from tests.unit.operator.world import KEY, SPEC, TERMS, World

OURS, THEIRS = "MG" + "a" * 32, "MG" + "b" * 32


async def held(spec: Spec = SPEC, **services: Service) -> World:
    world = World(spec)
    world.twilio.services = {service.sid: service for service in services.values()}
    await world.settle()
    world.cluster.events.clear()
    return world


def change(world: World, **fields: object) -> None:
    number = next(iter(world.twilio.numbers.values()))
    world.twilio.numbers[number.sid] = replace(number, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sms_url", "https://elsewhere.example.com", "webhook"),
        ("sms_url", "", "webhook"),
        ("sms_method", "GET", "webhook method"),
        ("sms_fallback_url", "", "fallback webhook"),
        ("sms_fallback_method", "GET", "fallback method"),
        ("sms_application_sid", "AP1", "TwiML application"),
    ],
)
async def test_what_was_edited_is_set_back_and_told(field: str, value: str, words: str) -> None:
    world = await held()
    before = dict(world.twilio.numbers)
    change(world, **{field: value})
    await world.live()
    assert world.twilio.numbers == before
    assert world.cluster.events == [("DriftRepaired", f"Changed back at Twilio: {words}.")]
    assert world.condition("Ready") == ("True", "Ready")


async def test_nothing_is_written_or_told_when_nothing_has_changed() -> None:
    world = await held()
    made = world.fates.made
    for _ in range(3):
        await world.live()
        world.now += 300
    assert world.fates.made == made
    assert world.cluster.events == []


async def test_a_number_that_was_released_elsewhere_is_reported_and_not_replaced() -> None:
    world = await held()
    world.twilio.numbers.clear()
    await world.settle()
    assert world.condition("Ready") == ("False", "NumberGone")
    assert world.register.numbers == {}
    assert len(world.twilio.bought) == 1
    assert world.resource.status.phone_number == world.twilio.bought[0]


async def test_a_number_that_a_list_leaves_out_is_not_taken_for_lost() -> None:
    world = await held()
    world.twilio.hide(world.resource.status.sid)
    await world.live()
    assert world.condition("Ready") == ("True", "Ready")
    assert len(world.register.numbers) == 1


async def test_a_registration_that_was_changed_is_changed_back() -> None:
    world = await held()
    number = next(iter(world.register.numbers))
    world.register.numbers[number] = replace(world.register.numbers[number], agent="somebody")
    await world.live()
    assert world.register.numbers[number].agent == "support"


async def test_changed_settings_reach_the_register() -> None:
    world = await held()
    world.cluster.edit(settings={"greeting": "answer", "inactive_after": 3600.0}, agent="sales")
    await world.live()
    registration = next(iter(world.register.numbers.values()))
    assert (registration.agent, registration.settings["greeting"]) == ("sales", "answer")


async def test_a_number_is_put_into_the_service_that_the_spec_names() -> None:
    world = await held(replace(SPEC, messaging_service_sid=OURS), ours=Service(OURS))
    assert world.twilio.services[OURS].members == {world.resource.status.sid}
    assert next(iter(world.register.numbers.values())).opt_out_scope == OURS
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_number_that_was_moved_to_another_service_is_moved_back() -> None:
    world = await held(replace(SPEC, messaging_service_sid=OURS), ours=Service(OURS), theirs=Service(THEIRS))
    sid = world.resource.status.sid
    world.twilio.services = {OURS: Service(OURS), THEIRS: Service(THEIRS, frozenset({sid}))}
    await world.live()
    assert world.twilio.services[OURS].members == {sid}
    assert world.twilio.services[THEIRS].members == set()


async def test_a_service_that_takes_the_texts_itself_is_reported() -> None:
    world = await held(theirs=Service(THEIRS, defers_to_number=False))
    world.twilio.services[THEIRS] = Service(THEIRS, frozenset({world.resource.status.sid}), defers_to_number=False)
    await world.live()
    assert world.condition("Ready") == ("False", "MessagingServiceTakesTexts")
    assert next(iter(world.register.numbers.values())).opt_out_scope == THEIRS


async def test_a_service_that_hands_its_texts_to_us_is_fine() -> None:
    world = await held(theirs=Service(THEIRS, defers_to_number=False, inbound_url=TERMS.sms_url))
    service = world.twilio.services[THEIRS]
    world.twilio.services[THEIRS] = replace(service, members=frozenset({world.resource.status.sid}))
    await world.live()
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_service_that_does_not_exist_is_reported() -> None:
    world = await held(replace(SPEC, messaging_service_sid=OURS))
    assert world.condition("Ready") == ("False", "MessagingServiceMissing")


async def test_a_number_that_cannot_do_sms_is_reported_and_gets_no_webhook() -> None:
    world = World(replace(SPEC, phone_number="+447000000009"))
    world.twilio.own("+447000000009", sms=False)
    await world.settle()
    assert world.condition("Ready") == ("False", "NoSms")
    assert [number.sms_url for number in world.twilio.numbers.values()] == [""]


async def test_an_outage_of_twilio_changes_no_condition() -> None:
    world = await held()
    before = {name: condition.says for name, condition in world.resource.status.conditions.items()}
    world.twilio.outage = True
    world.cluster.edit(agent="sales")
    assert (await world.live() or 0) <= 60
    assert {name: condition.says for name, condition in world.resource.status.conditions.items()} == before
    assert next(iter(world.register.numbers.values())).agent == "sales"  # what needs no Twilio is done
    assert world.cluster.events == []


async def test_an_outage_of_the_session_service_changes_no_condition() -> None:
    world = await held()
    world.register.problem = Refused(Failure(Kind.TRANSIENT, "SessionUnavailable", "", 5.0))
    assert await world.live() == 5.0
    assert world.condition("Ready") == ("True", "Ready")


async def test_settings_that_the_session_service_refuses_are_reported_in_its_words() -> None:
    world = World()
    world.register.problem = Refused(Failure(Kind.SPEC, "SettingsRefused", "Correct spec.agent: too long", 3600.0))
    await world.settle(rounds=3)
    assert world.condition("Ready") == ("False", "SettingsRefused")
    assert "spec.agent" in world.resource.status.conditions["Ready"].message
    assert [number.sms_url for number in world.twilio.numbers.values()] == [""]


async def test_an_account_that_is_not_mounted_is_reported_and_keeps_what_was_known() -> None:
    world = await held()
    world.accounts.account = NoAccount("No Twilio account default is mounted.")
    await world.live()
    assert world.condition("Provisioned") == ("False", "AccountMissing")
    assert world.condition("WebhookConfigured") == ("True", "WebhookConfigured")


async def test_a_paused_resource_is_left_alone() -> None:
    world = await held()
    world.cluster.edit(paused=True)
    change(world, sms_url="https://elsewhere.example.com")
    calls = world.twilio.calls
    await world.settle()
    assert world.twilio.calls == calls
    assert world.condition("Ready") == ("True", "Paused")
    world.cluster.edit(paused=False)
    await world.settle()
    assert world.condition("Ready") == ("True", "Ready")
    assert next(iter(world.twilio.numbers.values())).sms_url == TERMS.sms_url


async def test_the_kill_switch_needs_neither_twilio_nor_a_reconciliation() -> None:
    world = await held()
    world.twilio.outage = True
    before = world.resource
    world.cluster.edit(sending=False, paused=True)
    await SwitchSending(ObservedRegister(world.register, 0.0))(before, world.resource)
    assert [one.sending for one in world.register.numbers.values()] == [False]


async def test_the_kill_switch_is_not_undone_by_a_step_that_was_planned_before() -> None:
    world = await held()
    world.cluster.edit(agent="sales")
    resource = world.resource
    world.known.note(replace(resource, version="999", spec=replace(resource.spec, sending=False)))
    await world.reconcile(KEY)
    assert [one.sending for one in world.register.numbers.values()] == [False]


async def test_conditions_carry_the_generation_and_the_moment_of_their_change() -> None:
    world = await held()
    since = {name: one.since for name, one in world.resource.status.conditions.items()}
    world.now += 1000
    world.cluster.edit(agent="sales")
    await world.settle()
    conditions = world.resource.status.conditions
    assert {one.observed_generation for one in conditions.values()} == {2}
    assert world.resource.status.observed_generation == 2
    assert {name: one.since for name, one in conditions.items()} == since
