"""Certificates as a cluster mounts them: three files behind a link that changes at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

from parley_chassis.settings import ProcessSettings


@dataclass
class Volume:
    """`identity` is whom its certificates are for."""

    folder: Path
    identity: str
    versions: int = 0
    certificate: bytes = b""

    def mount(self, issuer: trustme.CA, trusted: Sequence[trustme.CA]) -> Volume:
        """Replaces all three files at once: a new certificate of `issuer`, and those who are trusted."""
        self.versions += 1
        version = self.folder / f"..{self.versions}"
        version.mkdir(parents=True)
        issued = issuer.issue_cert(self.identity)
        self.certificate = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        self._write(version, issued.private_key_pem.bytes(), trusted)
        return self

    def trust(self, trusted: Sequence[trustme.CA]) -> None:
        """Replaces the authorities; the certificate stays."""
        key = (self.folder / "tls.key").read_bytes()
        self.versions += 1
        version = self.folder / f"..{self.versions}"
        version.mkdir()
        self._write(version, key, trusted)

    def _write(self, version: Path, key: bytes, trusted: Sequence[trustme.CA]) -> None:
        (version / "tls.key").write_bytes(key)
        (version / "tls.crt").write_bytes(self.certificate)
        (version / "ca.crt").write_bytes(b"".join(authority.cert_pem.bytes() for authority in trusted))
        link = self.folder / "..new"
        link.symlink_to(version.name)
        os.replace(link, self.folder / "..data")
        for name in ("tls.key", "tls.crt", "ca.crt"):
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(Path("..data") / name)

    @property
    def process(self) -> ProcessSettings:
        return ProcessSettings(
            tls_certificate=self.folder / "tls.crt", tls_key=self.folder / "tls.key", tls_ca=self.folder / "ca.crt"
        )
