"""Names of Services as pods resolve them: a file of hosts that says what the cluster's DNS would.

A headless Service's name has the addresses of all pods that are ready, that of any other Service its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.kube.client import Client, Object, Resource

SERVICES = Resource("v1", "services")
SLICES = Resource("discovery.k8s.io/v1", "endpointslices")


@dataclass
class Names:
    """`outside` are the names that no Service has: name to address. `file` is every pod's /etc/hosts."""

    kube: Client
    namespace: str
    file: Path
    outside: Mapping[str, str]
    services: list[Object] = field(default_factory=list)
    """As they were last seen."""

    async def refresh(self) -> None:
        self.services = await self.kube.find(SERVICES, self.namespace)
        slices = await self.kube.find(SLICES, self.namespace)
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in self.outside.items())]
        for service in self.services:
            own = service["spec"]["clusterIP"]
            addresses = ready_addresses(service, slices) if own == "None" else [own]
            lines += [f"{address} {' '.join(self._forms(service))}" for address in addresses]
        text = "\n".join([*lines, ""])
        if not self.file.exists() or self.file.read_text() != text:
            # In place: it is mounted.
            self.file.write_text(text)

    def _forms(self, service: Object) -> list[str]:
        name, namespace = service["metadata"]["name"], self.namespace
        return [name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local"]


def ready_addresses(service: Object, slices: Iterable[Object]) -> list[str]:
    name = service["metadata"]["name"]
    mine = [one for one in slices if one["metadata"]["labels"].get("kubernetes.io/service-name") == name]
    everyone = service["spec"].get("publishNotReadyAddresses", False)
    return sorted(
        address
        for one in mine
        for endpoint in one.get("endpoints") or []
        if everyone or endpoint["conditions"]["ready"]
        for address in endpoint["addresses"]
    )
