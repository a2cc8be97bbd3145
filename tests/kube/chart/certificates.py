"""Certificates as the chart asks cert-manager for them, made by a CA of the tests and kept in Secrets."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import trustme
from cryptography import x509

from tests.chart.rendering import Object, merged, render, values_of
from tests.kube.chart.node.network import Network
from tests.kube.chart.release import Release
from tests.kube.chart.world import World


@dataclass
class Certificates:
    """`names` are those that each service's certificate is valid for, by service."""

    world: World
    authority: trustme.CA
    names: dict[str, list[str]]

    @property
    def values(self) -> Object:
        return {"tls": {"enabled": True, "existingSecrets": {name: f"tls-{name}" for name in self.names}}}

    async def issue(self) -> None:
        """Makes new ones in the place of those that there are."""
        for service, names in self.names.items():
            leaf = await asyncio.to_thread(self.authority.issue_cert, *names, common_name=names[0])
            chain = b"".join(part.bytes() for part in leaf.cert_chain_pems)
            key, authority = leaf.private_key_pem.bytes(), self.authority.cert_pem.bytes()
            await self.world.put_secret(f"tls-{service}", tls__crt=chain, tls__key=key, ca__crt=authority)


def certificates(world: World, release: Release) -> Certificates:
    """For the names that the chart writes into cert-manager's Certificates, and no others."""
    rendered = render(release.helm, merged(values_of("tls-cert-manager"), {}), release=release.name)
    names = {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: [
            name.replace("team-sms", world.namespace) for name in one["spec"]["dnsNames"]
        ]
        for one in rendered.of_kind("Certificate")
    }
    return Certificates(world, trustme.CA(), names)


async def served_serial(network: Network, address: str, port: int) -> int:
    """Of the certificate that a pod shows now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    async with network.forwarded(address, port) as place:
        host, _, local = place.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(local), ssl=context)
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(shown).serial_number
        finally:
            writer.transport.abort()
