"""What `kubectl describe pn` says about each failure, as golden files hold it: what is wrong, and what to do."""

from __future__ import annotations

import asyncio

import pytest

from parley_simulator.domain.faults import Kind
from tests.kube.client import has_condition
from tests.kube.kubectl import Kubectl
from tests.kube.operator.failures import FAILURES
from tests.kube.operator.golden import FOLDER, check_descriptions
from tests.kube.operator.rig import Rig

OTHERS = {"20005-account-suspended", "20429-busy", "dry-run", "paused", "purchase-limit", "ready", "released-elsewhere"}


async def test_each_failure_is_described_with_its_remedy(rig: Rig, kubectl: Kubectl) -> None:
    for name, (arrange, _) in FAILURES.items():
        await rig.apply(name, **arrange(rig))
    await rig.start()
    await asyncio.gather(*(rig.says(name, reason) for name, (_, reason) in FAILURES.items()))
    await check_descriptions(kubectl, FAILURES)
    # What was refused was not asked for again and again, and cost nothing.
    assert len(rig.simulator.calls("numbers.create")) < 2 * len(FAILURES)


async def test_a_number_that_works_is_described(rig: Rig, kubectl: Kubectl) -> None:
    await rig.start()
    await rig.apply("ready")
    await rig.ready("ready")
    await check_descriptions(kubectl, ["ready"])


async def test_a_used_up_budget_is_described(rig: Rig, kubectl: Kubectl) -> None:
    await rig.start(purchase_limit=1)
    await rig.apply("first")
    await rig.ready("first")
    await rig.apply("purchase-limit")
    await rig.says("purchase-limit", "PurchaseLimit")
    await check_descriptions(kubectl, ["purchase-limit"])
    assert len(rig.bought()) == 1


async def test_a_dry_run_buys_nothing_and_says_so(rig: Rig, kubectl: Kubectl) -> None:
    await rig.start(dry_run=True)
    await rig.apply("dry-run")
    await rig.says("dry-run", "DryRun")
    await check_descriptions(kubectl, ["dry-run"])
    assert not rig.simulator.calls("numbers.create")


@pytest.mark.parametrize(
    ("name", "reason", "code", "status"),
    [("20429-busy", "TwilioBusy", 20429, 429), ("20005-account-suspended", "AccountSuspended", 20005, 403)],
)
async def test_an_account_that_does_nothing_is_described(
    rig: Rig, kubectl: Kubectl, name: str, reason: str, code: int, status: int
) -> None:
    rig.simulator.add_fault(Kind.ERROR, count=None, operation="*", code=code, status=status)
    await rig.start()
    await rig.apply(name)
    passes = status == 429
    await rig.wait(name, has_condition("Ready", "Unknown" if passes else "False", reason))
    await check_descriptions(kubectl, [name])
    rig.simulator.clear_faults()
    if passes:
        await rig.ready(name)


async def test_a_paused_resource_is_described(rig: Rig, kubectl: Kubectl) -> None:
    await rig.start()
    await rig.apply("paused", paused=True)
    await rig.says("paused", "Paused", status="Unknown")
    await check_descriptions(kubectl, ["paused"])
    assert not rig.simulator.calls()


async def test_a_number_that_was_released_elsewhere_is_described(rig: Rig, kubectl: Kubectl) -> None:
    await rig.start()
    await rig.apply("released-elsewhere")
    resource = await rig.ready("released-elsewhere")
    rig.simulator.release_number(resource["status"]["phoneNumber"])
    await rig.says("released-elsewhere", "NumberGone")
    await check_descriptions(kubectl, ["released-elsewhere"])
    assert not rig.bought(), "nobody bought another in its place"
    await rig.until_unregistered(resource["status"]["phoneNumber"])


def test_each_golden_file_belongs_to_a_failure() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} == set(FAILURES) | OTHERS
