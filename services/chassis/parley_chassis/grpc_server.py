"""Serves gRPC: bearer keys or mutual TLS, health, reflection in development, and a drain at the end.

A call with neither a certificate nor a key is refused, unless PARLEY_INSECURE_DEV=1 says otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from parley_chassis import grpc_health
from parley_chassis.grpc_guard import Guard
from parley_chassis.settings import ProcessSettings, SettingsError

MAX_MESSAGE = 4 * 1024 * 1024
SERVER_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    # Two processes on one port would share its calls between them, and nobody would notice.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # A caller that vanished without a word is noticed: a stream that is seldom written to would stay for ever.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]
DRAIN = 10.0
"""Seconds that calls under way get to finish when the server stops."""


@asynccontextmanager
async def grpc_server(
    listen: str, process: ProcessSettings, add: Callable[[grpc.aio.Server], Sequence[str]]
) -> AsyncIterator[str]:
    """Serves what `add` registers on `listen` (`host:port`, port 0 for a free one); yields the bound `host:port`.

    `add` returns the full names of the services that it registered. On exit health turns NOT_SERVING, no call is
    taken any more, and the calls under way get DRAIN seconds; of a stream of requests only what was read is answered.
    Raises SettingsError when `listen` cannot be bound or no way to tell callers apart is set.
    """
    if not (process.insecure_dev or process.tls or process.api_keys):
        raise SettingsError(["PARLEY_API_KEYS: set at least one key, mount certificates, or set PARLEY_INSECURE_DEV=1"])
    guard = Guard(process)
    server = grpc.aio.server(interceptors=[guard], options=SERVER_OPTIONS)
    names = [*add(server), grpc_health.SERVICE]
    health = grpc_health.Health(names)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    if process.insecure_dev:
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    port = _bind(server, listen, process)
    await server.start()
    try:
        yield f"{listen.rpartition(':')[0]}:{port}"
    finally:
        health.stop()
        guard.drain()
        await server.stop(DRAIN)


def _bind(server: grpc.aio.Server, listen: str, process: ProcessSettings) -> int:
    host, colon, port = listen.rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise SettingsError([f"cannot listen on {listen!r}: write host:port, e.g. 127.0.0.1:8080 or [::]:8080"])
    try:
        if process.tls:
            return server.add_secure_port(listen, _server_credentials(process))
        return server.add_insecure_port(listen)
    except RuntimeError:
        raise SettingsError([f"cannot listen on {listen}: the address is in use or not of this machine"]) from None


def _server_credentials(process: ProcessSettings) -> grpc.ServerCredentials:
    """Asks callers for a certificate. The files are read again for each handshake, so that a rotated one is in use."""
    assert process.tls_key
    assert process.tls_certificate
    assert process.tls_ca
    files = (process.tls_key, process.tls_certificate, process.tls_ca)
    told = [file.read_bytes() for file in files]

    def news() -> grpc.ServerCertificateConfiguration | None:
        # gRPC frees what it was told before while another thread may be beginning a handshake with it, and the process
        # dies of that: telling it the same again at each connection would kill a busy server.
        nonlocal told
        now = [file.read_bytes() for file in files]
        if now == told:
            return None
        told = now
        return _certificates(*now)

    # The stubs do not know that None says that nothing is new.
    return grpc.dynamic_ssl_server_credentials(_certificates(*told), news, require_client_authentication=True)  # type: ignore[arg-type]


def _certificates(key: bytes, certificate: bytes, authority: bytes) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authority)
