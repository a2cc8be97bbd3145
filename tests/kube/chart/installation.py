"""The values and Secrets by which a whole Parley runs in the tests' world, and the number that it answers at."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

from tests.kube.chart.node.pod import Pod
from tests.kube.chart.release import Release
from tests.kube.chart.world import (
    ACCOUNT_SID,
    AGENT,
    API_KEY_SECRET,
    API_KEY_SID,
    AUTH_TOKEN,
    DATABASE_HOST,
    GATEWAY_HOST,
    PASSWORDS,
    World,
)
from tests.kube.client import Object, Resource, has_condition
from tests.kube.operator.rig import PHONE_NUMBERS

Values = dict[str, Any]
DEPLOYMENTS = Resource("apps/v1", "deployments")
JOBS = Resource("batch/v1", "jobs")
SERVICES = ("gateway", "session", "agent", "notifier", "operator")
API_KEY = "the-key-between-services"
PATIENCE_SECONDS = 120.0
FEW = 3
"""Starts of a container after which it counts as broken."""
T = TypeVar("T")

VALUES: Values = {
    "publicUrl": f"https://{GATEWAY_HOST}",
    "database": {
        "host": DATABASE_HOST,
        "sslMode": "disable",
        "session": {"existingSecret": "database", "key": "session"},
        "notifier": {"existingSecret": "database", "key": "notifier"},
    },
    "twilio": {
        "accounts": {"default": {"existingSecret": "twilio"}},
        "signatures": {"existingSecret": "signatures"},
    },
    "api": {"existingSecret": "api"},
    "agents": {"configMaps": {"desk": {"name": "agent-desk"}}},
    "ingress": {"enabled": True, "tls": {"enabled": True, "secretName": "sms-tls"}},
    "agent": {"workers": 2},
    # One replica, and nobody who would have to hear of a pod's end first: half the processes, and half the time.
    "defaults": {"replicas": 1, "preStopSleepSeconds": 0},
    "gateway": {"preStopSleepSeconds": 0},
}


async def prepare(world: World) -> Values:
    """Makes the Secrets and the ConfigMap that VALUES name; returns what must be added to them."""
    await world.put_secret("database", **PASSWORDS)
    await world.put_secret(
        "twilio", account_sid=ACCOUNT_SID, api_key_sid=API_KEY_SID, api_key_secret=API_KEY_SECRET, auth_token=AUTH_TOKEN
    )
    await world.put_secret("signatures", accounts=f"{ACCOUNT_SID}={AUTH_TOKEN}\n")
    await world.put_secret("api", **{"api-key": API_KEY})
    await world.put_config_map("agent-desk", AGENT)
    return {"database": {"name": world.database}}


async def install(release: Release, world: World, *values: Values) -> None:
    """Returns when every pod is ready, or raises with what its pods say."""
    added = await prepare(world)
    await explained(world, release.install(VALUES, added, *values))


async def explained(world: World, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; a pod that ends again and again is not waited for, and its last words are told."""
    task = asyncio.ensure_future(work)
    while not task.done() and all(pod.restarts < FEW for pod in world.node.pods.values()):
        await asyncio.wait({task}, timeout=0.2)
    try:
        assert task.done(), "a pod does not stay alive"
        return task.result()
    except Exception as error:
        raise AssertionError(f"{error}\n{world.node.problems}") from error
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def buy(world: World, name: str = "support") -> str:
    """Declares a number and returns it when it is ready."""
    spec = {"country": "CA", "agent": "desk"}
    content: Object = {"kind": "PhoneNumber", "metadata": {"name": name}, "spec": spec}
    await world.kube.apply(PHONE_NUMBERS, content, world.namespace)
    found = await world.kube.wait_for(PHONE_NUMBERS, name, has_condition("Ready"), world.namespace, PATIENCE_SECONDS)
    return str(found["status"]["phoneNumber"])


async def talk(world: World, number: str, participant: str, body: str = "Hello?") -> list[str]:
    """What the participant gets for a text."""
    outcome = await world.twilio.text(participant, number, body)
    # Where a pod has just gone, Twilio comes again, in the end by the fallback URL.
    assert outcome in ("delivered", "fallback"), f"{outcome} {await world.twilio.get('/webhooks')}\n{world.node.logs}"
    replies = await world.twilio.replies(participant)
    assert replies, f"no answer\n{world.node.logs}"
    return replies


def the(world: World, component: str) -> Pod:
    """The one pod of a component that runs."""
    [pod] = world.node.running(component)
    return pod


async def until(is_so: Any, what: str) -> None:
    """Waits for a condition that nobody tells of."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what) from None


def url(role: str, password: str, database: str) -> str:
    """As a Secret of CloudNativePG holds it."""
    return f"postgresql://{role}:{quote(password, safe='')}@{DATABASE_HOST}:5432/{database}"
