"""A Kubernetes control plane on loopback: etcd, the API server and the controller manager; no nodes, so no pod runs.

RBAC, tokens of service accounts, Pod Security, CEL, namespace deletion and garbage collection are those of a cluster.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from parley_cli.stack.free_ports import free_ports
from tests.kube.credentials import Authority, Identity, write_kubeconfig
from tests.kube.daemon import Daemon
from tests.kube.programs import Programs

READY_SECONDS = 90.0
"""A limit for a machine that is busy; an idle one takes five."""
ISSUER = "https://kubernetes.default.svc"
# Made by the controller manager for each namespace: once it is there, the controllers work.
FIRST_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


class Cluster:
    """A control plane in `folder`. Its addresses and its data stay when a part of it is stopped and started again."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.authority = Authority(folder)
        client, peer, self.port = free_ports(3)
        self.url = f"https://127.0.0.1:{self.port}"
        self.admin = self._admin_kubeconfig()
        self._tls = Identity.of(self.admin).tls
        etcd_url = f"http://127.0.0.1:{client}"
        self.etcd = Daemon(_etcd(programs, folder, etcd_url, f"http://127.0.0.1:{peer}"), folder / "etcd.log")
        self.apiserver = Daemon(self._apiserver(etcd_url), folder / "kube-apiserver.log")
        self.controllers = Daemon(self._controllers(), folder / "kube-controller-manager.log")

    async def start(self) -> None:
        """Starts whatever does not run and returns when all of it is at work. Raises DaemonError."""
        self.etcd.start()
        self.apiserver.start()
        await self._answers("/readyz", self.etcd, self.apiserver)
        # Without an API server it would give up by itself.
        self.controllers.start()
        await self._answers(FIRST_ACCOUNT, self.controllers)

    def stop(self) -> None:
        self.controllers.kill()
        self.apiserver.kill()
        self.etcd.kill()

    async def _answers(self, path: str, *daemons: Daemon) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await asyncio.to_thread(self._is_answered, path):
                    for daemon in daemons:
                        if not daemon.is_running:
                            raise daemon.failure("ended")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise daemons[-1].failure(f"does not serve {path} after {READY_SECONDS:.0f} s") from None

    def _is_answered(self, path: str) -> bool:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=self._tls)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException, ssl.SSLError):
            return False
        finally:
            connection.close()

    def _admin_kubeconfig(self) -> Path:
        admin = self.authority.user("admin", group="system:masters")
        return write_kubeconfig(self.folder / "admin.kubeconfig", self.url, self.authority.certificate, admin)

    def _apiserver(self, etcd_url: str) -> list[str | Path]:
        authority = self.authority
        return [
            self.programs.apiserver,
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={authority.server_certificate}",
            f"--tls-private-key-file={authority.server_key}",
            f"--client-ca-file={authority.certificate}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={authority.accounts_key}",
            f"--service-account-signing-key-file={authority.accounts_key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            # There is no node that anything could reach it by.
            "--endpoint-reconciler-type=none",
            # So that nothing but Pod Security refuses a pod for what it may do.
            "--allow-privileged=true",
        ]

    def _controllers(self) -> list[str | Path]:
        return [
            self.programs.controller_manager,
            f"--kubeconfig={self.admin}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--root-ca-file={self.authority.certificate}",
            f"--service-account-private-key-file={self.authority.accounts_key}",
        ]


@asynccontextmanager
async def running_cluster(programs: Programs, folder: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(programs, folder)
    try:
        await cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _etcd(programs: Programs, folder: Path, url: str, peer_url: str) -> list[str | Path]:
    return [
        programs.etcd,
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        # The data need not survive a crash of the machine.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]
