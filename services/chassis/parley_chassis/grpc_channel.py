"""Opens gRPC channels to other services: mutual TLS where certificates are mounted, else a bearer key on each call."""

from __future__ import annotations

import grpc

from parley_chassis.certificates import Certificates, mounted
from parley_chassis.names import authority_of
from parley_chassis.settings import ProcessSettings

CHANNEL_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 250),
    # In spite of its name the time that one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.lb_policy_name", "round_robin"),
    # A restarted pod has another address.
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # What http_proxy names is for the way out, not for the next service.
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # Without it two channels of one process share a connection, and a test could not cut one of them.
    ("grpc.use_local_subchannel_pool", 1),
]


def open_channel(address: str, process: ProcessSettings) -> grpc.aio.Channel:
    """A channel to `host:port` with the certificates of this moment."""
    return channel_to(address, mounted(process))


def channel_to(address: str, certificates: Certificates | None, name: str = "") -> grpc.aio.Channel:
    """A channel to `host:port`. The server there is one of `name`, if given, and has to prove to be that."""
    options = list(CHANNEL_OPTIONS)
    authority = authority_of(name or address)
    if authority != address:
        # Its certificate is compared with this as well.
        options.append(("grpc.default_authority", authority))
    if certificates:
        return grpc.aio.secure_channel(address, certificates.credentials(), options=options)
    return grpc.aio.insecure_channel(address, options=options)


def call_metadata(process: ProcessSettings) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {process.api_key}"),) if process.api_key else ()
