"""The gRPC face of the gate."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from parley.notifier.v1 import gate_service_pb2, gate_service_pb2_grpc, notifier_pb2
from parley_chassis.errors import InvalidArgument
from parley_notifier.domain.gate import Gate
from parley_notifier.errors import GateRecovering
from parley_notifier.gate_ports import GateStore

Context = grpc.aio.ServicerContext[Any, Any]

MAX_REASON = 200


class GateServicer(gate_service_pb2_grpc.GateServiceServicer):
    def __init__(self, gate: GateStore) -> None:
        self._gate = gate

    def register(self, server: grpc.aio.Server) -> list[str]:
        """Adds itself to `server`; returns the full names of what is served."""
        gate_service_pb2_grpc.add_GateServiceServicer_to_server(self, server)
        return [gate_service_pb2.DESCRIPTOR.services_by_name["GateService"].full_name]

    async def GetGate(  # noqa: N802
        self, request: gate_service_pb2.GetGateRequest, context: Context
    ) -> gate_service_pb2.GetGateResponse:
        return gate_service_pb2.GetGateResponse(gate=await self._shown())

    async def CloseGate(  # noqa: N802
        self, request: gate_service_pb2.CloseGateRequest, context: Context
    ) -> gate_service_pb2.CloseGateResponse:
        if len(request.reason) > MAX_REASON or "\x00" in request.reason:
            raise InvalidArgument(f"reason: at most {MAX_REASON} characters, no NUL", field="reason")
        await self._gate.close(request.reason)
        return gate_service_pb2.CloseGateResponse(gate=await self._shown())

    async def OpenGate(  # noqa: N802
        self, request: gate_service_pb2.OpenGateRequest, context: Context
    ) -> gate_service_pb2.OpenGateResponse:
        gate = await self._gate.read_gate()
        if gate.recovering and not request.force and not gate.closed:
            raise GateRecovering
        await self._gate.open(force=request.force)
        return gate_service_pb2.OpenGateResponse(gate=await self._shown())

    async def RecoverGate(  # noqa: N802
        self, request: gate_service_pb2.RecoverGateRequest, context: Context
    ) -> gate_service_pb2.RecoverGateResponse:
        since = None
        if request.HasField("lost_since"):
            since = request.lost_since.seconds + request.lost_since.nanos / 1e9
        await self._gate.begin_recovery(0.0, since, again=True)
        return gate_service_pb2.RecoverGateResponse(gate=await self._shown())

    async def _shown(self) -> notifier_pb2.Gate:
        return _message(await self._gate.read_gate(), await self._gate.count_waiting())


def _message(gate: Gate, waiting: int) -> notifier_pb2.Gate:
    message = notifier_pb2.Gate(
        state=_state(gate), reason=gate.reason, change_time=_timestamp(gate.change_time), waiting=waiting
    )
    if gate.recovering and gate.lost_since is not None:
        message.lost_since.CopyFrom(_timestamp(gate.lost_since))
        message.inbound_covered, message.outbound_covered = gate.inbound_covered, gate.outbound_covered
    return message


def _state(gate: Gate) -> notifier_pb2.Gate.State.ValueType:
    if gate.closed:
        return notifier_pb2.Gate.STATE_CLOSED
    return notifier_pb2.Gate.STATE_OPEN if gate.is_open else notifier_pb2.Gate.STATE_RECOVERING


def _timestamp(seconds: float) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMicroseconds(round(seconds * 1e6))
    return timestamp
