"""What becomes of a number whose resource goes: it stays, or is given back, and is never given back by accident."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from parley_operator.domain.resource import ALLOW_RELEASE, HELM_RELEASE
from parley_simulator.domain.faults import Kind
from parley_simulator.handlers.configure_number import NumberChange
from parley_simulator.handlers.configure_service import ServiceChange
from tests.kube.client import DEFINITIONS, NAMESPACES, Client, Object
from tests.kube.cluster import Cluster
from tests.kube.operator.rig import DEFINITION, PHONE_NUMBERS, Rig
from tests.kube.tools import Helm

HELMS = {HELM_RELEASE: "shop"}
CHART = "{apiVersion: v2, name: shop, version: 0.1.0}"
TEMPLATE = """
apiVersion: parley.dev/v1alpha1
kind: PhoneNumber
metadata: {name: helms}
spec: {country: CA, agent: support, releasePolicy: Release}
"""


async def is_kept(rig: Rig, resource: Object) -> bool:
    """Whether the account still has the number. In any case nobody of ours takes its texts any more."""
    assert await rig.registered(resource["status"]["phoneNumber"]) is None
    number = rig.number(resource)
    assert number is None or (number.sms_url, number.sms_fallback_url) == ("", "")
    return number is not None


async def test_by_its_policy_a_number_stays_or_is_given_back(rig: Rig) -> None:
    service = rig.simulator.set_service(ServiceChange())
    await rig.start()
    await rig.apply("stays")
    await rig.apply("goes", releasePolicy="Release", messagingServiceSid=service.sid)
    stays, goes = await rig.ready("stays"), await rig.ready("goes")
    assert service.pool == [goes["status"]["phoneNumber"]]
    await asyncio.gather(rig.delete("stays"), rig.delete("goes"))
    assert await is_kept(rig, stays)
    assert not await is_kept(rig, goes)
    assert not service.pool
    assert "Released" in {event["reason"] for event in await rig.kube.events("goes")}
    [retained] = [event for event in await rig.kube.events("stays") if event["reason"] == "Retained"]
    assert retained["message"] == "The number stays in the Twilio account: spec.releasePolicy is Retain."


async def test_the_number_of_a_deleted_namespace_stays(rig: Rig) -> None:
    await rig.start()
    leaving = await rig.new_namespace("leaving")
    await rig.apply("support", leaving, releasePolicy="Release")
    resource = await rig.ready("support", leaving)
    await rig.kube.delete(NAMESPACES, leaving)
    await rig.kube.wait_gone(NAMESPACES, leaving)
    assert await is_kept(rig, resource)


async def test_the_numbers_of_a_deleted_definition_stay(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support", releasePolicy="Release")
    resource = await rig.ready("support")
    await rig.kube.delete(DEFINITIONS, DEFINITION)
    await rig.kube.wait_gone(DEFINITIONS, DEFINITION)
    assert await is_kept(rig, resource)


async def test_a_policy_that_changed_just_before_the_deletion_releases_nothing(rig: Rig) -> None:
    await rig.start()
    await rig.apply("to-release", releasePolicy="Retain")
    await rig.apply("to-retain", releasePolicy="Release")
    to_release, to_retain = await rig.ready("to-release"), await rig.ready("to-retain")
    # Nobody has acted upon the new policy when the deletion comes.
    rig.kill()
    await rig.apply("to-release", releasePolicy="Release")
    await rig.apply("to-retain", releasePolicy="Retain")
    for name in ("to-release", "to-retain"):
        await rig.kube.delete(PHONE_NUMBERS, name)
    await rig.start()
    for name in ("to-release", "to-retain"):
        await rig.kube.wait_gone(PHONE_NUMBERS, name)
    assert await is_kept(rig, to_release)
    assert await is_kept(rig, to_retain)


async def test_a_policy_that_was_acted_upon_holds(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support")
    await rig.ready("support")
    await rig.apply("support", releasePolicy="Release")
    resource = await rig.ready("support")
    assert resource["status"]["releasePolicy"] == "Release"
    await rig.delete("support")
    assert not await is_kept(rig, resource)


async def test_what_helm_put_there_is_released_only_by_permission(rig: Rig) -> None:
    await rig.start()
    await rig.apply("helms", annotations=HELMS, releasePolicy="Release")
    await rig.apply("allowed", annotations=HELMS | {ALLOW_RELEASE: "true"}, releasePolicy="Release")
    helms, allowed = await rig.ready("helms"), await rig.ready("allowed")
    await asyncio.gather(rig.delete("helms"), rig.delete("allowed"))
    assert await is_kept(rig, helms)
    assert not await is_kept(rig, allowed)


async def test_an_uninstalled_chart_releases_nothing(
    rig: Rig, cluster: Cluster, kube: Client, namespace: str, helms: list[Helm], tmp_path: Path
) -> None:
    chart = tmp_path / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(CHART)
    (chart / "templates/number.yaml").write_text(TEMPLATE)
    await rig.start()

    def helm(*arguments: str) -> None:
        command = [str(helms[-1].program), f"--kubeconfig={cluster.admin}", f"--namespace={namespace}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    await asyncio.to_thread(helm, "install", "shop", str(chart))
    resource = await rig.ready("helms")
    await asyncio.to_thread(helm, "uninstall", "shop")
    await kube.wait_gone(PHONE_NUMBERS, "helms")
    assert await is_kept(rig, resource)


async def test_a_number_that_was_the_accounts_before_stays(rig: Rig) -> None:
    owned, renamed = rig.simulator.add_number("+16045550199"), "renamed"
    await rig.start()
    await rig.apply("adopted", phoneNumber=owned.phone_number, purchasePolicy="Never", releasePolicy="Release")
    await rig.apply(renamed, releasePolicy="Release")
    adopted, bought = await rig.ready("adopted"), await rig.ready(renamed)
    assert adopted["status"]["origin"] == "Adopted"
    rig.simulator.change_number(bought["status"]["phoneNumber"], NumberChange(friendly_name="The boss's number"))
    await asyncio.gather(rig.delete("adopted"), rig.delete(renamed))
    assert await is_kept(rig, adopted)
    assert await is_kept(rig, bought)


async def test_a_deletion_waits_for_twilio_and_says_so(rig: Rig) -> None:
    await rig.start()
    await rig.apply("support", releasePolicy="Release")
    resource = await rig.ready("support")
    rig.simulator.add_fault(Kind.ERROR, operation="*", count=None)
    await rig.kube.delete(PHONE_NUMBERS, "support")
    await rig.says("support", "DeletionWaits")
    assert rig.number(resource) is not None
    rig.simulator.clear_faults()
    await rig.kube.wait_gone(PHONE_NUMBERS, "support")
    assert not await is_kept(rig, resource)
