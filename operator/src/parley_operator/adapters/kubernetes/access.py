"""How the API server is reached: by the file that KUBECONFIG names, else as the pod's service account.

Reads certificates, a token, a token's file. A kubeconfig that runs a program for its credentials is refused.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from parley_chassis.settings import SettingsError

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Access:
    """PEM texts. `token_file` goes before `token`: what is in it is replaced while we run."""

    server: str
    authority: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    insecure: bool = False
    namespace: str = "default"

    def bearer(self) -> str:
        return self.token_file.read_text().strip() if self.token_file is not None else self.token

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            # The standard library takes a certificate from files only.
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
                pem.write(f"{self.certificate}\n{self.key}\n")
                pem.flush()
                context.load_cert_chain(pem.name)
        return context


def find_access(environment: Mapping[str, str], pod: Path = POD) -> Access:
    """Raises SettingsError that says what is missing."""
    paths = [Path(part) for part in environment.get("KUBECONFIG", "").split(":") if part]
    try:
        if paths:
            return _of_file(paths[0])
        if "KUBERNETES_SERVICE_HOST" in environment:
            return _of_pod(environment, pod)
        if (home := Path(environment.get("HOME", "/")) / ".kube/config").is_file():
            return _of_file(home)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        problem = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise SettingsError(
            [f"KUBECONFIG: the API server's address and credentials were not read ({problem})"]
        ) from None
    raise SettingsError(["KUBECONFIG: name a file with the address and the credentials of an API server"])


def _of_pod(environment: Mapping[str, str], pod: Path) -> Access:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    return Access(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        authority=(pod / "ca.crt").read_text(),
        token_file=pod / "token",
        namespace=(pod / "namespace").read_text().strip(),
    )


def _of_file(path: Path) -> Access:
    config = yaml.safe_load(path.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"] or {}
    if "exec" in user or "auth-provider" in user:
        raise ValueError("credentials that a program makes are not supported")
    return Access(
        server=cluster["server"].rstrip("/"),
        authority=_pem(cluster, "certificate-authority", path.parent),
        certificate=_pem(user, "client-certificate", path.parent),
        key=_pem(user, "client-key", path.parent),
        token=user.get("token", ""),
        token_file=path.parent / user["tokenFile"] if "tokenFile" in user else None,
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        namespace=context.get("namespace", "default"),
    )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = next((entry for entry in entries if entry["name"] == name), None)
    if found is None:
        raise ValueError("the current context names something that is not there")
    return found


def _pem(entry: Mapping[str, str], name: str, folder: Path) -> str:
    """A value that stands in the file itself, in base64, or in a file beside it."""
    if f"{name}-data" in entry:
        return base64.b64decode(entry[f"{name}-data"]).decode()
    return (folder / entry[name]).read_text() if name in entry else ""
