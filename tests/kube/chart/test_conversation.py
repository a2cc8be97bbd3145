"""The rendered pods as processes: from `helm install` to a text that is answered, by nothing but the manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kube.chart.installation import SERVICES, buy, install, talk, the
from tests.kube.chart.release import Release
from tests.kube.chart.world import GATEWAY_HOST, World
from tests.kube.cluster import Cluster
from tests.kube.tools import Helm


@pytest.fixture
def release(helms: list[Helm], cluster: Cluster, namespace: str, tmp_path: Path) -> Release:
    """By the newest helm."""
    folder = tmp_path / "helm"
    folder.mkdir()
    return Release(helms[-1], cluster.admin, namespace, folder)


@pytest.mark.timeout(400)
async def test_a_text_to_a_declared_number_is_answered(world: World, release: Release) -> None:
    await install(release, world)
    number = await buy(world)
    [bought] = (await world.twilio.get("/numbers"))["numbers"]
    assert bought["phone_number"] == number
    assert bought["sms_url"].startswith(f"https://{GATEWAY_HOST}/twilio/sms#")
    assert await talk(world, number, "+14165559876") == ["You said: Hello?"]
    for component in SERVICES:
        pod = the(world, component)
        assert pod.restarts == 0, pod.tail()
        assert pod.probed["startupProbe"], component
        assert pod.probed["readinessProbe"], component
