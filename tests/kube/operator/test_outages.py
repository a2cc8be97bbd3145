"""The operator when neighbours are away, slow, or refuse it: it goes on by itself, or liveness has it started anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from parley_cli.stack.free_ports import free_ports
from parley_simulator.domain.faults import Kind
from tests.kube.client import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, PATIENCE_SECONDS, Object
from tests.kube.cluster import Cluster
from tests.kube.operator.rig import ACCOUNT_SID, AUTH_TOKEN, RBAC, Rig, install

NUMBERS = "parley-operator-numbers"
"""What rbac.yaml calls the role about PhoneNumbers, and its binding."""
BY_WATCH: dict[str, object] = {"list_interval": 600.0, "resync": 600.0}
"""So that only the watch can tell of what happens."""
WATCHFUL: dict[str, object] = {"list_interval": 0.3, "watch_limit": 1.0}


@pytest.fixture
async def allowed(rig: Rig) -> AsyncIterator[Rig]:
    """Whatever a test takes from the operator, the next one finds it permitted."""
    yield rig
    await install(rig.kube)


async def until(is_so: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not so after {PATIENCE_SECONDS} s: {what}") from None


def condition(resource: Object, kind: str) -> Object:
    found: Object = next(one for one in resource["status"]["conditions"] if one["type"] == kind)
    return found


# The API server.


async def test_a_killed_api_server_is_watched_again_when_it_is_back(rig: Rig, cluster: Cluster) -> None:
    await rig.start(**BY_WATCH)
    await rig.apply("before")
    first = await rig.ready("before")
    cluster.apiserver.kill()
    assert await rig.health() == 200, "a restart of ours would not bring it back"
    await cluster.start()
    await rig.apply("after")
    second = await rig.ready("after")
    assert sorted(rig.bought()) == sorted(one["status"]["phoneNumber"] for one in (first, second))
    assert await rig.health() == 200


async def test_an_api_server_that_hangs_is_waited_for(rig: Rig, cluster: Cluster) -> None:
    await rig.start(resync=0.5)
    await rig.apply("before")
    await rig.ready("before")
    cluster.apiserver.freeze()
    try:
        await until(lambda: "reconcile_failed" in rig.log, "a request to the API server was given up")
        assert await rig.health() == 200
    finally:
        cluster.apiserver.thaw()
    await rig.apply("after")
    await rig.ready("after")
    assert len(rig.bought()) == 2


async def test_a_purchase_goes_on_when_the_api_server_died_in_its_middle(rig: Rig, cluster: Cluster) -> None:
    """The number is bought and cannot be written down; it is found and held afterwards."""
    await rig.start()
    hold = rig.simulator.place_hold(operation="numbers.create", accepted=True)
    await rig.apply("support")
    await until(lambda: len(rig.bought()) == 1, "a number was bought")
    cluster.apiserver.kill()
    hold.release()
    await until(lambda: "reconcile_failed" in rig.log, "the number could not be written down")
    await cluster.start()
    resource = await rig.ready("support")
    assert rig.bought() == [resource["status"]["phoneNumber"]]
    assert resource["status"]["origin"] == "Bought"


# Permissions.


async def test_a_revoked_permission_fails_liveness_and_a_restart_goes_on_once_it_is_back(allowed: Rig) -> None:
    rig = allowed
    await rig.start(**WATCHFUL)
    await rig.apply("before")
    await rig.ready("before")
    await rig.kube.delete(CLUSTER_ROLE_BINDINGS, NUMBERS)
    await rig.until_health(503)
    # As Kubernetes would: it is of no use as long as nobody gives the permission back, and says so.
    rig.kill()
    rig.launch()
    await rig.until_health(503)
    assert await rig.health("/health/ready") == 503
    await install(rig.kube)
    await rig.restart()
    await rig.apply("after")
    await rig.ready("after")
    await rig.ready("before")
    await rig.until_health(200)
    assert len(rig.bought()) == 2


async def test_a_permission_that_is_back_in_time_is_enough(allowed: Rig) -> None:
    rig = allowed
    await rig.start(list_interval=0.3, watch_limit=600.0)
    await rig.kube.delete(CLUSTER_ROLE_BINDINGS, NUMBERS)
    await until(lambda: "list_resources" in rig.log, "a list was refused")
    await install(rig.kube)
    await rig.apply("support")
    await rig.ready("support")


async def test_a_watch_that_died_is_replaced_by_the_list_and_fails_liveness(allowed: Rig, cluster: Cluster) -> None:
    """kopf's watch ends with the API server, and may not begin again; its process lives on."""
    rig = allowed
    await rig.start(**WATCHFUL)
    await rig.apply("before")
    await rig.ready("before")
    await rig.kube.apply(CLUSTER_ROLES, without_watch())
    cluster.apiserver.kill()
    await cluster.start()
    await rig.apply("unseen")
    await rig.ready("unseen")
    await rig.until_health(503)
    await rig.apply("unseen-too")
    await rig.ready("unseen-too")
    assert await rig.health() == 503
    await install(rig.kube)
    await rig.restart(list_interval=600.0, resync=600.0)
    await rig.apply("after")
    await rig.ready("after")
    await rig.until_health(200)


def without_watch() -> Object:
    roles = [one for one in yaml.safe_load_all(RBAC.read_text()) if one["kind"] == "ClusterRole"]
    role: Object = next(one for one in roles if one["metadata"]["name"] == NUMBERS)
    for rule in role["rules"]:
        rule["verbs"] = [verb for verb in rule["verbs"] if verb != "watch"]
    return role


# The session service.


async def test_a_number_waits_for_the_session_service_and_gets_its_webhook_after_it(rig: Rig) -> None:
    port = free_ports(1)[0]
    await rig.start(session_address=f"127.0.0.1:{port}")
    await rig.apply("support")
    waiting = await rig.says("support", "SessionUnavailable", "Registered", "Unknown")
    assert condition(waiting, "Registered")["message"]
    assert condition(waiting, "Provisioned")["status"] == "True"
    assert condition(waiting, "Ready")["status"] == "Unknown"
    number = rig.number(waiting)
    assert number is not None
    assert number.sms_url == "", "a text would come before anybody knows whose it is"
    async with relayed(port, rig.session_address):
        await rig.ready("support")
        assert number.sms_url
    # A number does not break because the session service is away for a moment.
    last = rig.simulator.calls()[-1].index
    await until(lambda: len(rig.simulator.calls("numbers.list", after=last)) > 3, "it was looked at again")
    assert condition(await rig.get("support"), "Ready")["status"] == "True"


@asynccontextmanager
async def relayed(port: int, address: str) -> AsyncIterator[None]:
    """Whoever connects to `port` reaches `address`; left: they are cut off."""
    host, _, target = address.rpartition(":")
    pairs: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pairs.append(writer)
        other_reader, other_writer = await asyncio.open_connection(host, int(target))
        pairs.append(other_writer)
        await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))

    server = await asyncio.start_server(relay, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for writer in pairs:
            writer.transport.abort()
        await server.wait_closed()


# Twilio.


async def test_an_account_is_asked_one_thing_at_a_time(rig: Rig) -> None:
    rig.simulator.world.limits.concurrency = 1
    # Long enough for a second request to meet a first one.
    rig.simulator.add_fault(Kind.SLOW, operation="*", count=None, seconds=0.05)
    await rig.start()
    names = [f"support-{index}" for index in range(8)]
    await asyncio.gather(*(rig.apply(name) for name in names))
    await asyncio.gather(*(rig.ready(name) for name in names))
    assert len(rig.bought()) == len(names)
    assert {call.outcome for call in rig.simulator.calls()} <= {"200", "201", ""}


async def test_too_many_requests_are_answered_by_longer_and_longer_pauses(rig: Rig) -> None:
    await rig.start(**BY_WATCH)
    rig.simulator.add_fault(Kind.RATE_LIMIT, operation="*", count=2)
    await asyncio.gather(*(rig.apply(name) for name in ("one", "two")))
    await asyncio.gather(*(rig.ready(name) for name in ("one", "two")))
    calls = rig.simulator.calls()
    refused = [index for index, call in enumerate(calls) if call.outcome == "429"]
    assert refused == [0, 1]
    assert calls[1].at - calls[0].at >= 1.0
    assert calls[2].at - calls[1].at >= 2.0
    assert len(rig.bought()) == 2


async def test_a_twilio_that_fails_breaks_no_number_and_new_ones_wait_for_it(rig: Rig) -> None:
    await rig.start()
    await rig.apply("before")
    version = (await rig.ready("before"))["metadata"]["resourceVersion"]
    rig.simulator.add_fault(Kind.ERROR, operation="*", count=None, status=503)
    last = rig.simulator.calls()[-1].index
    await rig.apply("after")
    waiting = await rig.says("after", "TwilioUnclear", status="Unknown")
    assert condition(waiting, "Provisioned")["message"] == (
        "Twilio did not say what became of a request. It is looked up."
    )
    await until(lambda: len(rig.simulator.calls(after=last)) > 2, "Twilio was asked again")
    rig.simulator.clear_faults()
    await rig.ready("after")
    assert len(rig.bought()) == 2
    assert (await rig.get("before"))["metadata"]["resourceVersion"] == version


async def test_a_rotated_token_is_taken_up_from_the_mounted_secret_without_a_restart(rig: Rig) -> None:
    secret = MountedSecret(rig.accounts / "rotated")
    values = {"account_sid": ACCOUNT_SID, "api_base_url": rig.simulator.api_url}
    secret.write(**values, auth_token=AUTH_TOKEN)
    await rig.start()
    pid = rig.daemon.pid if rig.daemon else 0
    await rig.apply("support", account="rotated")
    await rig.ready("support")
    secret.write(**values, auth_token="a-token-that-was-revoked")
    refused = await rig.says("support", "AccountRefused")
    assert "Put valid ones into the mounted account." in condition(refused, "Ready")["message"]
    secret.write(**values, auth_token=AUTH_TOKEN)
    await rig.ready("support")
    assert rig.daemon is not None
    assert (rig.daemon.pid, rig.daemon.is_running) == (pid, True)
    assert len(rig.bought()) == 1
    assert "a-token" not in rig.log
    assert AUTH_TOKEN not in rig.log


class MountedSecret:
    """A folder as kubelet keeps a Secret: files are links through `..data`, which is exchanged as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writes = 0
        folder.mkdir(parents=True)

    def write(self, **values: str) -> None:
        self._writes += 1
        content = self._folder / f"..content-{self._writes}"
        content.mkdir()
        for name, value in values.items():
            (content / name).write_text(value)
            if not (self._folder / name).is_symlink():
                (self._folder / name).symlink_to(f"..data/{name}")
        (self._folder / "..new").symlink_to(content.name)
        (self._folder / "..new").rename(self._folder / "..data")
