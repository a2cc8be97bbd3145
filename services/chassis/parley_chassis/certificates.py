"""The certificate, key and authorities that this process shows to other services, as they are mounted now."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc

from parley_chassis.settings import ProcessSettings, check_pem


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM: who may be talked to, and what is shown to them."""

    authority: bytes = field(repr=False)
    key: bytes = field(repr=False)
    certificate: bytes = field(repr=False)

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)


def mounted(process: ProcessSettings) -> Certificates | None:
    """What the files hold; None where none are mounted. Raises OSError."""
    if process.tls_ca and process.tls_key and process.tls_certificate:
        return Certificates(
            process.tls_ca.read_bytes(), process.tls_key.read_bytes(), process.tls_certificate.read_bytes()
        )
    return None


def newest(process: ProcessSettings, known: Certificates | None) -> Certificates | None:
    """What is mounted now, or `known` for as long as the files are not a whole set."""
    try:
        found = mounted(process)
        if found != known and process.tls_certificate and process.tls_key and process.tls_ca:
            check_pem(process.tls_certificate, process.tls_key, process.tls_ca)
            # They are replaced at any moment: what was checked need not be what was read.
            return found if mounted(process) == found else known
    except (OSError, ValueError):
        return known
    return known
