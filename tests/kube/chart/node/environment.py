"""What a container is told: its `env` and `envFrom`, resolved as the kubelet does, and the links to Services."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from tests.kube.chart.node.volumes import VolumeError, field_of
from tests.kube.client import CONFIG_MAPS, SECRETS, ApiError, Client, Object

REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


async def environment_of(
    kube: Client, pod: Object, container: Object, address: str, services: Iterable[Object]
) -> dict[str, str]:
    """`services` are those of the pod's namespace; `address` is the pod's. Raises VolumeError."""
    told = {
        "HOSTNAME": pod["metadata"]["name"],
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    if pod["spec"].get("enableServiceLinks", True):
        for service in services:
            told |= _links(service)
    reader = _Reader(kube, pod["metadata"]["namespace"])
    for source in container.get("envFrom", []):
        [(kind, reference)] = [(key, value) for key, value in source.items() if key.endswith("Ref")]
        data = await reader.data(kind.removesuffix("Ref"), reference)
        told |= {source.get("prefix", "") + key: value for key, value in data.items()}
    for entry in container.get("env", []):
        if "valueFrom" not in entry:
            told[entry["name"]] = _expanded(entry.get("value", ""), told)
            continue
        [(kind, reference)] = entry["valueFrom"].items()
        if kind == "fieldRef":
            told[entry["name"]] = field_of(pod, reference["fieldPath"], address)
            continue
        data = await reader.data(kind.removesuffix("KeyRef"), reference)
        if reference["key"] in data:
            told[entry["name"]] = data[reference["key"]]
        elif not reference.get("optional"):
            raise VolumeError(
                f"couldn't find key {reference['key']} in {kind.removesuffix('KeyRef')} {reference['name']}"
            )
    return told


class _Reader:
    def __init__(self, kube: Client, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace

    async def data(self, kind: str, reference: Object) -> dict[str, str]:
        """`kind` is `secret` or `configMap`."""
        resource = {"secret": SECRETS, "configMap": CONFIG_MAPS}[kind]
        try:
            data: dict[str, str] = (await self._kube.get(resource, reference["name"], self._namespace)).get("data", {})
        except ApiError as error:
            if error.status != 404:
                raise
            if reference.get("optional"):
                return {}
            raise VolumeError(f'{kind.lower()} "{reference["name"]}" not found') from None
        return {key: base64.b64decode(value).decode() for key, value in data.items()} if kind == "secret" else data


def _expanded(value: str, told: dict[str, str]) -> str:
    def stand_in(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else told.get(found[1], found[0])

    return REFERENCE.sub(stand_in, value)


def _links(service: Object) -> dict[str, str]:
    """As Docker once had them; a name that begins with `parley` makes variables that begin with PARLEY."""
    address = service["spec"].get("clusterIP", "None")
    if address in ("None", ""):
        return {}
    name = service["metadata"]["name"].upper().replace("-", "_")
    ports = service["spec"]["ports"]
    found = {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(ports[0]["port"])}
    found[f"{name}_PORT"] = f"tcp://{address}:{ports[0]['port']}"
    for port in ports:
        if "name" in port:
            found[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
        each = f"{name}_PORT_{port['port']}_TCP"
        found |= {each: f"tcp://{address}:{port['port']}", f"{each}_PROTO": "tcp"}
        found |= {f"{each}_PORT": str(port["port"]), f"{each}_ADDR": address}
    return found
