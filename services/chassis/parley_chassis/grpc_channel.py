"""Opens gRPC channels to the replicas of another service and spreads calls over them.

Every call has a deadline. A replica that fails is left alone for a moment and the call is repeated once on
another, so that a frozen process costs one deadline and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import grpc
from google.protobuf.message import Message

from parley_chassis.errors import RETRIABLE
from parley_chassis.settings import ProcessSettings

StubT = TypeVar("StubT")
RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)

SUSPENSION = 2.0
"""Seconds for which a replica that failed gets no calls while another is there."""
LONGEST_SUSPENSION = 8
"""Suspensions that follow each other without an answer grow to this many times the first."""

CHANNEL_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
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
    """A channel to `host:port`: mutual TLS where certificates are mounted, else the bearer key on each call."""
    if process.tls_ca and process.tls_key and process.tls_certificate:
        credentials = grpc.ssl_channel_credentials(
            process.tls_ca.read_bytes(), process.tls_key.read_bytes(), process.tls_certificate.read_bytes()
        )
        return grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
    return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)


def call_metadata(process: ProcessSettings) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {process.api_key}"),) if process.api_key else ()


class _Replica(Generic[StubT]):
    """One address: its channel, its stub, and until when it is left alone."""

    def __init__(self, channel: grpc.aio.Channel, stub: StubT, suspension: float) -> None:
        self.channel = channel
        self.stub = stub
        self.suspended_until = 0.0
        self._first_suspension = suspension
        self._suspension = 0.0
        self._failed_at = 0.0

    def begin(self, timeout: float) -> float:
        """The time at which a call begins."""
        now = time.monotonic()
        if self._suspension:
            # One call finds out whether it is back; the others keep away until then.
            self.suspended_until = max(self.suspended_until, now + timeout)
        return now

    def answered(self) -> None:
        self.suspended_until = self._suspension = 0.0

    def failed(self, began: float, code: grpc.StatusCode) -> None:
        if began < self._failed_at:
            return  # one of many calls that met the same failure
        first, longest = self._first_suspension, self._first_suspension * LONGEST_SUSPENSION
        # Asking one that refuses costs nothing; asking one that is silent costs a deadline each time.
        is_silent = code is grpc.StatusCode.DEADLINE_EXCEEDED
        self._suspension = min(max(self._suspension * 2, first), longest) if is_silent else first
        self._failed_at = time.monotonic()
        self.suspended_until = self._failed_at + self._suspension


class Replicas(Generic[StubT]):
    """The replicas of one service, each with a channel of its own.

    `addresses` are `host:port`; one address may stand for several behind a DNS name, then gRPC spreads
    the calls over what the name resolves to.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        stub: Callable[[grpc.aio.Channel], StubT],
        process: ProcessSettings,
        *,
        suspension: float = SUSPENSION,
    ) -> None:
        if not addresses:
            raise ValueError("a service needs at least one address")
        channels = [open_channel(address, process) for address in addresses]
        self._replicas = [_Replica(channel, stub(channel), suspension) for channel in channels]
        self._next = 0
        self._metadata = call_metadata(process)

    async def call(
        self,
        method: Callable[[StubT], grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        *,
        timeout: float,
        repeats: int = 1,
    ) -> ResponseT:
        """Calls one replica, and up to `repeats` others (or the same again) when it does not answer.

        `timeout` is in seconds, for each try. Only for calls that may be repeated. Raises AioRpcError of the last try.
        """
        if len(self._replicas) == 1:
            # Asking one that is slow again while it works at it would make it slower: it gets the time of all tries.
            timeout *= repeats + 1
        for left in range(repeats, -1, -1):
            replica = self._choose()
            began = replica.begin(timeout)
            try:
                response = await method(replica.stub)(request, timeout=timeout, metadata=self._metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() not in RETRIABLE:
                    replica.answered()
                    raise
                replica.failed(began, error.code())
                if not left or (len(self._replicas) == 1 and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
            else:
                replica.answered()
                return response
        raise AssertionError("unreachable")

    def _choose(self) -> _Replica[StubT]:
        now = time.monotonic()
        count = len(self._replicas)
        order = [(self._next + step) % count for step in range(count)]
        # The first that is not suspended; if all are, the one whose suspension ends first.
        index = min(order, key=lambda index: max(self._replicas[index].suspended_until, now))
        self._next = index + 1
        return self._replicas[index]

    async def close(self) -> None:
        """Cancels the calls under way."""
        await asyncio.gather(*(replica.channel.close() for replica in self._replicas))
