"""Hands participants' texts to the session service over gRPC, in batches of whatever has arrived."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from parley.channel.v1 import channel_pb2
from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from parley_gateway.adapters.intake import Intake, IntakeLimits
from parley_gateway.adapters.peer_errors import peer_error
from parley_gateway.domain.inbound import Inbound
from parley_gateway.errors import PeerFailed
from parley_gateway.ports import Outcome

MAX_CALL_BYTES = 512 * 1024

_RESULT = session_pb2.ReceiveResult
OUTCOMES = {
    _RESULT.OUTCOME_ACCEPTED: Outcome.STORED,
    _RESULT.OUTCOME_DUPLICATE: Outcome.STORED,
    _RESULT.OUTCOME_IGNORED: Outcome.STORED,
    _RESULT.OUTCOME_UNKNOWN_NUMBER: Outcome.UNKNOWN_NUMBER,
    _RESULT.OUTCOME_INVALID: Outcome.REFUSED,
}
OPT_OUT_TYPES = {
    "": session_pb2.OPT_OUT_TYPE_UNSPECIFIED,
    "STOP": session_pb2.OPT_OUT_TYPE_STOP,
    "START": session_pb2.OPT_OUT_TYPE_START,
    "HELP": session_pb2.OPT_OUT_TYPE_HELP,
}


class GrpcSessions:
    """The Sessions port. `timeout` is in seconds for each of two tries of a call."""

    def __init__(
        self, addresses: Sequence[str], process: ProcessSettings, *, timeout: float, limits: IntakeLimits
    ) -> None:
        self._replicas = Replicas(addresses, session_service_pb2_grpc.SessionServiceStub, process)
        self._timeout = timeout
        self._intake = Intake(self._flush, limits)
        self.batcher = self._intake.batcher

    async def receive(self, inbound: Inbound) -> Outcome:
        outcome = await self._intake.submit(inbound)
        if outcome is None:
            raise PeerFailed("the session service gave no outcome", reason="SESSION_NO_OUTCOME")
        return outcome

    async def _flush(self, batch: list[Inbound]) -> list[Outcome | None]:
        request = session_service_pb2.ReceiveMessagesRequest(messages=[_message(inbound) for inbound in batch])
        if len(batch) > 1 and request.ByteSize() > MAX_CALL_BYTES:
            middle = len(batch) // 2
            return [*await self._flush(batch[:middle]), *await self._flush(batch[middle:])]
        try:
            response = await self._replicas.call(lambda stub: stub.ReceiveMessages, request, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            raise peer_error("session", error) from None
        return [OUTCOMES.get(result.outcome) for result in response.results]

    async def close(self) -> None:
        """Flushes what was taken, then lets go of the channels."""
        await self._intake.close()
        await self._replicas.close()


def _message(inbound: Inbound) -> session_pb2.InboundMessage:
    seconds, nanos = divmod(inbound.received_ns, 1_000_000_000)
    return session_pb2.InboundMessage(
        channel=channel_pb2.CHANNEL_SMS,
        endpoint=inbound.endpoint,
        participant=inbound.participant,
        source_id=inbound.source_id,
        text=inbound.text,
        media_urls=inbound.media_urls,
        receive_time=Timestamp(seconds=seconds, nanos=nanos),
        traceparent=inbound.traceparent,
        opt_out_type=OPT_OUT_TYPES[inbound.opt_out_type],
    )
