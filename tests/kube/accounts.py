"""Service accounts for programs under test: made with exactly the permissions that a test names, reached by a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.kube.client import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    Client,
    Object,
)
from tests.kube.cluster import Cluster
from tests.kube.credentials import User, write_kubeconfig

RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class ServiceAccounts:
    """Called with a name; the permissions are bound in `namespace`, and by `cluster_rules` in all of them."""

    cluster: Cluster
    client: Client
    namespace: str
    folder: Path

    async def __call__(
        self, name: str, *, rules: Sequence[Object] = (), cluster_rules: Sequence[Object] = (), seconds: int = 3600
    ) -> Path:
        """The kubeconfig of the account, which is made if it is absent; its token lasts `seconds` (600 at the least).

        Without rules the account has the permissions that somebody else gave it, as a chart does.
        """
        account = {"kind": "ServiceAccount", "metadata": {"name": name}}
        await self.client.apply(SERVICE_ACCOUNTS, account, self.namespace)
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
        if rules:
            role = {"kind": "Role", "metadata": {"name": name}, "rules": list(rules)}
            await self.client.apply(ROLES, role, self.namespace)
            await self.client.apply(ROLE_BINDINGS, _binding("RoleBinding", "Role", name, subject), self.namespace)
        if cluster_rules:
            # Outlives the namespace, so it carries its name.
            wide = f"{self.namespace}-{name}"
            role = {"kind": "ClusterRole", "metadata": {"name": wide}, "rules": list(cluster_rules)}
            await self.client.apply(CLUSTER_ROLES, role)
            binding = _binding("ClusterRoleBinding", "ClusterRole", wide, subject)
            await self.client.apply(CLUSTER_ROLE_BINDINGS, binding)
        user = User(token=await self.client.token(name, self.namespace, seconds))
        path = self.folder / f"{name}.kubeconfig"
        return write_kubeconfig(path, self.cluster.url, self.cluster.authority.certificate, user, self.namespace)


def _binding(kind: str, role_kind: str, name: str, subject: Object) -> Object:
    role = {"apiGroup": RBAC, "kind": role_kind, "name": name}
    return {"kind": kind, "metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
