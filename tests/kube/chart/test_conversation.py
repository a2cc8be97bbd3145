"""The rendered pods as processes: from `helm install` to a text that is answered, by nothing but the manifests."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.chart.policies import Outside, Party, Pod, reaches
from tests.chart.rendering import merged
from tests.kube.chart.certificates import Certificates, certificates, served_serial
from tests.kube.chart.installation import PATIENCE_SECONDS, SERVICES, buy, install, talk, the
from tests.kube.chart.release import Release
from tests.kube.chart.world import GATEWAY_HOST, World
from tests.kube.client import Object, Resource

POLICIES = Resource("networking.k8s.io/v1", "networkpolicies")


@pytest.mark.timeout(400)
async def test_a_text_to_a_declared_number_is_answered(world: World, release: Release) -> None:
    await install(release, world)
    number = await buy(world)
    [bought] = (await world.twilio.get("/numbers"))["numbers"]
    assert bought["phone_number"] == number
    assert bought["sms_url"].startswith(f"https://{GATEWAY_HOST}/twilio/sms#")
    assert await talk(world, number, "+12125559876") == ["You said: Hello?"]
    for component in SERVICES:
        pod = the(world, component)
        if pod.restarts:
            print(f"{component} was started {pod.restarts + 1} times\n{pod.tail()}")
        assert pod.probed["startupProbe"], component
        assert pod.probed["readinessProbe"], component
    assert await forbidden(world) == []


async def forbidden(world: World) -> list[str]:
    """Connections that the pods have and no NetworkPolicy lets them have: no network here enforces any."""
    policies = await world.kube.find(POLICIES, world.namespace)
    pods = {pod.address: pod for pod in world.node.pods.values() if pod.is_running}
    parties = {address: party(pod.manifest, address) for address, pod in pods.items()}
    found, called = [], set()
    for address, pod in pods.items():
        assert pod.box
        for far, port in pod.box.connections():
            called.add((pod.component, port))
            if not reaches(policies, parties[address], parties.get(far, Outside(far)), port):
                found.append(f"{pod.component} is connected with {far}:{port}")
    # What is looked at is there to be seen.
    assert called >= {("gateway", 50051), ("session", 50052), ("session", 5432), ("notifier", 5432), ("operator", 443)}
    return found


def party(manifest: Object, address: str) -> Party:
    ports = {port["name"]: port["containerPort"] for port in manifest["spec"]["containers"][0]["ports"]}
    return Pod(manifest["metadata"]["namespace"], manifest["metadata"]["labels"], address, ports)


@pytest.mark.timeout(400)
async def test_services_with_certificates_answer_and_take_up_new_ones(world: World, release: Release) -> None:
    secrets = certificates(world, release)
    await secrets.issue()
    await install(release, world, merged(secrets.values, {"api": {"existingSecret": ""}}))
    number = await buy(world)
    assert await talk(world, number, "+12125550101") == ["You said: Hello?"]

    ports = {"session": 50051, "agent": 50052, "notifier": 50053}
    pods = {name: the(world, name) for name in ports}
    network = world.node.network
    starts = {name: pods[name].restarts for name in ports}
    before = {name: await served_serial(network, pods[name].address, port) for name, port in ports.items()}
    await secrets.issue()
    await world.node.refresh_volumes()
    texts = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        for name, port in ports.items():
            while await served_serial(network, pods[name].address, port) == before[name]:
                texts += 1
                participant = f"+1212556{texts:04d}"
                assert await talk(world, number, participant) == ["You said: Hello?"]
    assert await talk(world, number, "+12125550102") == ["You said: Hello?"]
    assert {name: the(world, name).restarts for name in ports} == starts
    failed = [hook for hook in (await world.twilio.get("/webhooks"))["webhooks"] if len(hook["attempts"]) > 1]
    assert not failed, "no webhook was called twice"


@pytest.mark.timeout(400)
async def test_a_caller_without_a_certificate_is_refused(world: World, release: Release) -> None:
    secrets = certificates(world, release)
    await secrets.issue()
    await install(release, world, secrets.values)
    for name, port in (("session", 50051), ("agent", 50052), ("notifier", 50053)):
        async with world.node.network.forwarded(the(world, name).address, port) as address:
            for channel in (grpc.aio.insecure_channel(address), grpc.aio.secure_channel(address, trusting(secrets))):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await health(channel)(health_pb2.HealthCheckRequest(), timeout=10)
                assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
                await channel.close()


def trusting(secrets: Certificates) -> grpc.ChannelCredentials:
    """Believes the services, and shows nothing itself."""
    return grpc.ssl_channel_credentials(secrets.authority.cert_pem.bytes())


def health(channel: grpc.aio.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
