"""Spreads calls over the replicas of another service.

Every call has a deadline. A replica that fails is left alone for a moment and the call is repeated once on
another, so that a frozen process costs one deadline and no more. One that is back is waited for until it is connected.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import grpc
from google.protobuf.message import Message

from parley_chassis.errors import RETRIABLE
from parley_chassis.grpc_channel import call_metadata
from parley_chassis.names import Resolve, look_up
from parley_chassis.peers import INTERVAL, Peers
from parley_chassis.settings import ProcessSettings

StubT = TypeVar("StubT")
RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)

SUSPENSION = 2.0
"""Seconds for which a replica that failed gets no calls while another is there."""
LONGEST_SUSPENSION = 8
"""Suspensions that follow each other without an answer grow to this many times the first."""
RECONNECT = 0.4
"""Seconds after which a replica that is there is connected again: more than the longest pause between two attempts."""
GLANCE = 0.02
"""Seconds between two looks at whether one is."""


class _Replica(Generic[StubT]):
    """One address: its channel, its stub, and until when it is left alone."""

    def __init__(self, channel: grpc.aio.Channel, stub: StubT, suspension: float) -> None:
        self.stub = stub
        self.suspended_until = 0.0
        self._channel = channel
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

    def is_connected(self) -> bool:
        """If not, it soon tries to be."""
        return self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)


class Replicas(Generic[StubT]):
    """The replicas of one service, each with a channel of its own.

    `addresses` are `host:port`; a DNS name stands for all the replicas that `resolve` finds behind it, which is asked
    every `interval` seconds.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        stub: Callable[[grpc.aio.Channel], StubT],
        process: ProcessSettings,
        *,
        suspension: float = SUSPENSION,
        resolve: Resolve = look_up,
        interval: float = INTERVAL,
    ) -> None:
        self._peers = Peers(
            addresses,
            lambda channel: _Replica(channel, stub(channel), suspension),
            process,
            resolve=resolve,
            interval=interval,
        )
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

        `timeout` is in seconds, for each try; for RECONNECT those that found no connection do not count. Only for
        calls that may be repeated. Raises AioRpcError of the last try.
        """
        if len(self._peers.all) == 1:
            # Asking one that is slow again while it works at it would make it slower: it gets the time of all tries.
            timeout *= repeats + 1
        left, give_up = repeats, time.monotonic() + RECONNECT
        while True:
            replica = self._choose()
            began = replica.begin(timeout)
            try:
                response = await method(replica.stub)(request, timeout=timeout, metadata=self._metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() not in RETRIABLE:
                    replica.answered()
                    raise
                replica.failed(began, error.code())
                self._peers.look()
                is_silent = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                if not left or (is_silent and len(self._peers.all) == 1):
                    raise
                if is_silent or replica.is_connected() or time.monotonic() > give_up:
                    left -= 1
                else:
                    await self._wait_for_one(give_up)
            else:
                replica.answered()
                return response

    async def _wait_for_one(self, give_up: float) -> None:
        """Until one of them is connected, or it is that late.

        While one has just come back and the other just goes, a call finds neither, though it need not fail.
        """
        while not any(replica.is_connected() for replica in self._peers.all):
            if time.monotonic() > give_up:
                return
            await asyncio.sleep(GLANCE)

    def _choose(self) -> _Replica[StubT]:
        now = time.monotonic()
        replicas = self._peers.all
        count = len(replicas)
        order = [(self._next + step) % count for step in range(count)]
        # The first that is not suspended; if all are, the one whose suspension ends first.
        index = min(order, key=lambda index: max(replicas[index].suspended_until, now))
        self._next = index + 1
        return replicas[index]

    async def close(self) -> None:
        """Cancels the calls under way."""
        await self._peers.close()
