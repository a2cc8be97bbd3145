"""The operator is killed between every two calls of Twilio that a purchase makes: one number is bought, none lost."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from parley_operator.domain.webhooks import sms_url
from parley_simulator.domain.faults import Kind
from parley_simulator.handlers.configure_service import ServiceChange
from parley_simulator.handlers.hold_requests import Hold, Then
from tests.kube.client import PATIENCE_SECONDS
from tests.kube.operator.rig import PHONE_NUMBERS, PUBLIC_URL, Rig

QUIET: dict[str, object] = {"resync": 600.0, "list_interval": 600.0}
"""Settings with which nothing is asked of Twilio but what a change asks for."""
WRITES = ("numbers.create", "services.numbers.create", "numbers.update")


def moments(operations: Iterable[str]) -> list[int]:
    """The positions, from 1, of calls that differ by what was changed before them or by what they are."""
    found: dict[tuple[int, str], int] = {}
    changes = 0
    for position, operation in enumerate(operations, 1):
        found.setdefault((changes, operation), position)
        changes += operation in WRITES
    return list(found.values())


async def held_at(hold: Hold, position: int) -> str:
    """Lets all calls go until the one at `position` is held: its operation."""
    for _ in range(position - 1):
        await hold.wait(1, PATIENCE_SECONDS)
        hold.release()
    return (await hold.wait(1, PATIENCE_SECONDS))[0].operation


async def check_each_has_one(rig: Rig) -> None:
    """Every resource has one number, which works, and the account has no other."""
    resources = await rig.kube.find(PHONE_NUMBERS)
    held = [resource["status"]["phoneNumber"] for resource in resources]
    assert sorted(rig.bought()) == sorted(held)
    assert len(set(held)) == len(resources)
    for number in rig.simulator.world.numbers:
        assert number.sms_url == sms_url(PUBLIC_URL)
        assert await rig.registered(number.phone_number) is not None
    sold = [call for call in rig.simulator.calls("numbers.create") if call.outcome == "201"]
    assert len(sold) <= len(resources)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_killed_before_any_call_of_a_purchase_it_buys_one_number(rig: Rig) -> None:
    service = rig.simulator.set_service(ServiceChange())
    # What was seen is forgotten at once, so that the calls of a purchase are as many as can be.
    await rig.start(observe_age=0.001, **QUIET)
    await rig.apply("spared", messagingServiceSid=service.sid)
    await rig.ready("spared")
    positions = moments([call.operation for call in rig.simulator.calls()])
    killed: list[str] = []
    for position in positions:
        name = f"killed-at-{position}"
        hold = rig.simulator.place_hold(operation="*", count=None)
        await rig.apply(name, messagingServiceSid=service.sid)
        killed.append(await held_at(hold, position))
        await restart_with(rig, hold, name)
        assert len(rig.bought()) == 1 + len(killed), f"killed at call {position}, {killed[-1]}"
    print(f"killed before {len(killed)} calls: {killed}")
    assert {"numbers.list", "available.list", *WRITES} <= set(killed)
    await check_each_has_one(rig)
    assert len(service.pool) == len(killed) + 1


async def test_killed_before_an_answer_comes_it_buys_one_number(rig: Rig) -> None:
    service = rig.simulator.set_service(ServiceChange())
    await rig.start(**QUIET)
    for operation in WRITES:
        name = f"killed-after-{operation}".replace(".", "-")
        hold = rig.simulator.place_hold(operation=operation, accepted=True)
        await rig.apply(name, messagingServiceSid=service.sid)
        await hold.wait(1, PATIENCE_SECONDS)
        await restart_with(rig, hold, name)
    await check_each_has_one(rig)
    assert len(rig.bought()) == len(service.pool) == len(WRITES)


async def restart_with(rig: Rig, hold: Hold, name: str) -> None:
    """Kills the operator while a call is held, and starts another, which is to get the resource ready."""
    rig.kill()
    rig.simulator.holds.remove(hold.id, Then.CUT)
    await rig.start()
    await rig.ready(name)


@pytest.mark.parametrize("late", ["the dead one's", "the new one's"])
async def test_a_request_that_outlives_its_process_buys_nothing_twice(rig: Rig, late: str) -> None:
    """Twilio takes up what a dead process had asked for when the next one asks for it too."""
    await rig.start(**QUIET)
    hold = rig.simulator.place_hold(operation="numbers.create", count=2)
    await rig.apply("support")
    await hold.wait(1, PATIENCE_SECONDS)
    rig.kill()
    await rig.start()
    dead, new = await hold.wait(2, PATIENCE_SECONDS)
    first, second = (new, dead) if late == "the dead one's" else (dead, new)
    first.released.set_result(Then.CONTINUE)
    await rig.simulator.wait_until(rig.bought, PATIENCE_SECONDS)
    second.released.set_result(Then.CONTINUE)
    await rig.ready("support")
    await check_each_has_one(rig)
    assert len(rig.bought()) == 1


async def test_an_answer_that_is_lost_costs_no_second_number(rig: Rig) -> None:
    await rig.start(**QUIET)
    cases: list[tuple[Kind, bool]] = [(Kind.CUT, True), (Kind.ERROR, True), (Kind.CUT, False), (Kind.ERROR, False)]
    for position, (kind, accepted) in enumerate(cases):
        fault = rig.simulator.add_fault(kind, operation="numbers.create", accepted=accepted)
        await rig.apply(f"lost-{position}")
        await rig.simulator.wait_until(lambda fault=fault: fault.strikes or None, PATIENCE_SECONDS)  # type: ignore[misc]
    for position in range(len(cases)):
        await rig.ready(f"lost-{position}")
    await check_each_has_one(rig)


@pytest.mark.parametrize("accepted", [False, True], ids=["before it counts", "after it counts"])
async def test_killed_in_a_deletion_it_gives_up_the_number_once(rig: Rig, accepted: bool) -> None:
    await rig.start(**QUIET)
    for operation in ("numbers.update", "numbers.delete"):
        name = f"killed-at-{operation}".replace(".", "-")
        await rig.apply(name, releasePolicy="Release")
        resource = await rig.ready(name)
        hold = rig.simulator.place_hold(operation=operation, accepted=accepted)
        await rig.kube.delete(PHONE_NUMBERS, name)
        await hold.wait(1, PATIENCE_SECONDS)
        rig.kill()
        rig.simulator.holds.remove(hold.id, Then.CUT)
        await rig.start()
        await rig.kube.wait_gone(PHONE_NUMBERS, name)
        assert rig.number(resource) is None
        assert await rig.registered(resource["status"]["phoneNumber"]) is None
