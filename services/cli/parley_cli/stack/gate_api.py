"""The notifier's gate for the commands: one call a function, errors as sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import grpc

from parley.notifier.v1 import gate_service_pb2, gate_service_pb2_grpc, notifier_pb2
from parley_cli.stack.channels import channel_to
from parley_cli.stack.session_api import TIMEOUT, sentences

Gate = notifier_pb2.Gate
CLOSING = 10.0
"""Seconds: who closes the gate waits for a process that stands still in a claim."""


@asynccontextmanager
async def gate_api(address: str, api_key: str) -> AsyncIterator[GateApi]:
    async with channel_to(address) as channel:
        yield GateApi(channel, api_key)


class GateApi:
    """Calls one notifier. Raises ApiError."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self._gate = gate_service_pb2_grpc.GateServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    async def look(self) -> Gate:
        with sentences():
            request = gate_service_pb2.GetGateRequest()
            return (await self._gate.GetGate(request, timeout=TIMEOUT, metadata=self._metadata)).gate

    async def close(self, reason: str) -> Gate:
        with sentences():
            request = gate_service_pb2.CloseGateRequest(reason=reason)
            return (await self._gate.CloseGate(request, timeout=CLOSING, metadata=self._metadata)).gate

    async def recover(self, lost_since: datetime | None) -> Gate:
        request = gate_service_pb2.RecoverGateRequest()
        if lost_since:
            request.lost_since.FromDatetime(lost_since)
        with sentences():
            return (await self._gate.RecoverGate(request, timeout=TIMEOUT, metadata=self._metadata)).gate

    async def open(self, *, force: bool) -> Gate:
        with sentences():
            request = gate_service_pb2.OpenGateRequest(force=force)
            return (await self._gate.OpenGate(request, timeout=TIMEOUT, metadata=self._metadata)).gate
