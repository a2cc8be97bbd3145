"""A thousand PhoneNumbers: how soon they are ready, what that costs at Twilio, and that a restart disturbs nothing."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

import pytest

from parley_operator.domain.resource import FINALIZER
from parley_operator.domain.webhooks import sms_url
from parley_simulator.domain.inventory import NumberType
from parley_simulator.handlers.configure_number import NumberChange
from tests.kube.client import Object, has_condition
from tests.kube.kubectl import Kubectl
from tests.kube.operator.rig import PHONE_NUMBERS, PUBLIC_URL, Rig, phone_number

BOUGHT, ADOPTED = 200, 800
ALL = BOUGHT + ADOPTED
EDITED = 20
LIMIT = 120.0
AT_ONCE = 16
"""Requests of ours to the API server."""
OBSERVE_AGE = 30.0
LONG: dict[str, object] = {"resync": 600.0, "observe_age": OBSERVE_AGE, "list_interval": 30.0, "settle": 60.0}
"""Durations as in production, so that nothing is looked at twice within the test."""
REQUESTS = re.compile(
    r'^apiserver_request_total\{(?=.*resource="phonenumbers")(?=.*verb="(\w+)").*\} (\S+)', re.MULTILINE
)
is_ready = has_condition("Ready")


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_thousand_numbers_are_ready_in_two_minutes_and_a_restart_costs_a_few_lists(
    rig: Rig, kubectl: Kubectl
) -> None:
    await have_a_thousand(rig)

    started = time.monotonic()
    await rig.start(**LONG)
    # Set last, and free to look at.
    await until_webhooks_are_ours(rig)
    await until_all_are_ready(rig)
    took, calls, spent = time.monotonic() - started, twilio_calls(rig), cpu_seconds(rig)
    print(f"{BOUGHT} bought and {ADOPTED} adopted in {took:.1f} s ({spent:.1f} s of CPU): {dict(calls)} at Twilio")
    # Others use the machine as well, so the time is measured by what the operator itself needed of it.
    assert spent <= LIMIT / 2
    assert calls["numbers.create"] == BOUGHT
    # One for each webhook, and for each purchase; the rest is lists.
    assert calls["numbers.update"] == ALL
    assert calls.total() - BOUGHT - ALL <= lists_within(took)
    before = {name_of(resource): resource for resource in await resources(rig)}

    rig.kill()
    edited = [before[f"adopted-{index}"]["status"]["phoneNumber"] for index in range(0, ADOPTED, ADOPTED // EDITED)]
    for number in edited:
        rig.simulator.change_number(number, NumberChange(sms_url="https://elsewhere.example.com"))
    last, requests = last_call(rig), await api_requests(kubectl)
    started = time.monotonic()
    await rig.start()
    await until_all_are_read(kubectl, requests)
    await until_webhooks_are_ours(rig)
    took, calls, spent = time.monotonic() - started, twilio_calls(rig, after=last), cpu_seconds(rig)
    done = await api_requests(kubectl) - requests
    print(f"{ALL} looked at after a cold start in {took:.1f} s ({spent:.1f} s of CPU): {dict(calls)} at Twilio")
    print(f"Requests to the API server meanwhile, ours among them: {dict(done)}")
    assert spent <= LIMIT / 4
    assert calls["numbers.update"] == EDITED
    assert calls.total() - EDITED <= lists_within(took)
    after = {name_of(resource): resource for resource in await resources(rig)}
    assert all(is_ready(resource) for resource in after.values())
    touched = {name for name in after if version_of(after[name]) != version_of(before[name])}
    assert touched == set(), "nothing is news about a number that was repaired at once"
    assert done["PATCH"] == 0
    await rig.stop()
    await forget_all(rig)


async def have_a_thousand(rig: Rig) -> None:
    """Nobody looks after them yet: some name a number of the account, the others want one to be bought."""
    rig.simulator.sale.offer("CA", NumberType.LOCAL, count=BOUGHT)
    owned = [f"+1250555{index:04d}" for index in range(ADOPTED)]
    for number in owned:
        rig.simulator.add_number(number, country="CA", kind=NumberType.LOCAL)
    wanted = [phone_number(f"adopted-{index}", phoneNumber=number) for index, number in enumerate(owned)]
    wanted += [phone_number(f"bought-{index}") for index in range(BOUGHT)]
    await together(rig.kube.create(PHONE_NUMBERS, resource) for resource in wanted)


async def together(calls: Iterable[Awaitable[Any]]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(call: Awaitable[Any]) -> None:
        async with turns:
            await call

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(one(call))


def lists_within(seconds: float) -> float:
    """Calls at the most that look at what the account has, its services, and what is for sale; whoever else asks."""
    return 10 * (1 + seconds / OBSERVE_AGE)


def cpu_seconds(rig: Rig) -> float:
    """What the operator's process has used."""
    assert rig.daemon is not None
    fields = Path(f"/proc/{rig.daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def resources(rig: Rig) -> list[Object]:
    return await rig.kube.find(PHONE_NUMBERS)


async def until_all_are_ready(rig: Rig) -> None:
    async with asyncio.timeout(5 * LIMIT):
        while sum(map(is_ready, found := await resources(rig))) < ALL:
            await asyncio.sleep(0.5)
    assert len({resource["status"]["phoneNumber"] for resource in found}) == ALL


async def until_all_are_read(kubectl: Kubectl, before: Counter[str]) -> None:
    """The operator reads a resource when it begins to look after it."""
    async with asyncio.timeout(5 * LIMIT):
        while (await api_requests(kubectl) - before)["GET"] < ALL:
            await asyncio.sleep(0.9)


async def until_webhooks_are_ours(rig: Rig) -> None:
    async with asyncio.timeout(5 * LIMIT):
        while any(number.sms_url != sms_url(PUBLIC_URL) for number in rig.simulator.world.numbers):
            await asyncio.sleep(0.05)


async def api_requests(kubectl: Kubectl) -> Counter[str]:
    """The API server's own count of requests about PhoneNumbers, by verb."""
    counts: Counter[str] = Counter()
    for verb, count in REQUESTS.findall(await kubectl("get", "--raw", "/metrics")):
        counts[verb] += round(float(count))
    return counts


async def forget_all(rig: Rig) -> None:
    """Ahead of the rig, which takes them one by one."""
    gone = {"metadata": {"finalizers": None}}
    names = [name_of(resource) for resource in await resources(rig) if FINALIZER in resource["metadata"]["finalizers"]]
    await together(rig.kube.patch(PHONE_NUMBERS, name, gone) for name in names)
    await together(rig.kube.delete(PHONE_NUMBERS, name) for name in names)


def twilio_calls(rig: Rig, after: int = 0) -> Counter[str]:
    return Counter(call.operation for call in rig.simulator.calls(after=after))


def last_call(rig: Rig) -> int:
    return rig.simulator.calls()[-1].index


def name_of(resource: Object) -> str:
    return str(resource["metadata"]["name"])


def version_of(resource: Object) -> str:
    return str(resource["metadata"]["resourceVersion"])
