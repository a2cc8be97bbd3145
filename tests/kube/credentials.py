"""The cluster's own certificate authority, and the kubeconfig files by which programs reach the cluster as somebody."""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import trustme

IN_CLUSTER = ("10.96.0.1", "kubernetes.default.svc")
"""Where pods find the API server: the first address of the Services, and its name."""


@dataclass(frozen=True)
class User:
    """Who one is to the API server: by a certificate or by a token."""

    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)

    def as_kubeconfig(self) -> dict[str, str]:
        if self.token:
            return {"token": self.token}
        return {"client-certificate-data": _base64(self.certificate), "client-key-data": _base64(self.key)}


class Authority:
    """Signs what the API server serves with and what its users show; `folder` holds the files that programs read."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA(organization_name="Parley's tests")
        server = self._ca.issue_cert("127.0.0.1", "localhost", *IN_CLUSTER, common_name="kube-apiserver")
        self.certificate = self._write(folder / "ca.crt", self._ca.cert_pem)
        self.server_certificate = self._write(folder / "server.crt", *server.cert_chain_pems)
        self.server_key = self._write(folder / "server.key", server.private_key_pem)
        # Only its key pair counts: what signs the tokens of service accounts has no use for a certificate.
        accounts = self._ca.issue_cert("accounts.invalid")
        self.accounts_key = self._write(folder / "accounts.key", accounts.private_key_pem)

    def user(self, name: str, group: str) -> User:
        leaf = self._ca.issue_cert(f"{name}.invalid", common_name=name, organization_name=group)
        return User(leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())

    @staticmethod
    def _write(path: Path, *parts: trustme.Blob) -> Path:
        path.touch(mode=0o600)
        path.write_bytes(b"".join(part.bytes() for part in parts))
        return path


def write_kubeconfig(path: Path, server: str, authority: Path, user: User, namespace: str = "default") -> Path:
    """Writes the file by which kubectl, helm and client libraries are `user` in `namespace`."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": namespace}}],
        "clusters": [
            {
                "name": "tests",
                "cluster": {"server": server, "certificate-authority-data": _base64(authority.read_bytes())},
            }
        ],
        "users": [{"name": "tests", "user": user.as_kubeconfig()}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1))
    return path


@dataclass(frozen=True)
class Identity:
    """Who a kubeconfig file makes one, for a client that speaks HTTP itself."""

    server: str
    namespace: str
    token: str = field(repr=False)
    tls: ssl.SSLContext = field(repr=False)

    @classmethod
    def of(cls, kubeconfig: Path) -> Identity:
        content = json.loads(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        if "client-key-data" in user:
            # Python reads a client's certificate from a file only.
            pair = kubeconfig.with_suffix(".pem")
            pair.touch(mode=0o600)
            pair.write_bytes(b"".join(base64.b64decode(user[name]) for name in user))
            tls.load_cert_chain(pair)
        return cls(cluster["server"], content["contexts"][0]["context"]["namespace"], user.get("token", ""), tls)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
