"""Tells the session service what became of its messages, over gRPC."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from parley_chassis.errors import Unavailable, is_unavailable
from parley_chassis.grpc_channel import Replicas
from parley_chassis.settings import ProcessSettings
from parley_notifier.domain.reports import Record, Told
from parley_notifier.errors import RecordRefused

TIMEOUT = 0.6
STATES = {told: session_pb2.DeliveryState.Value(f"DELIVERY_STATE_{told.value}") for told in Told}


class GrpcRecorder:
    """The Recorder port."""

    def __init__(self, addresses: Sequence[str], process: ProcessSettings) -> None:
        self._replicas = Replicas(addresses, session_service_pb2_grpc.SessionServiceStub, process)

    async def record(self, records: Sequence[Record]) -> None:
        request = session_service_pb2.RecordDeliveriesRequest(
            records=[
                session_pb2.DeliveryRecord(
                    message_id=record.message_id,
                    state=STATES[record.told],
                    source_id=record.sid,
                    error_code=record.error_code,
                )
                for record in records
            ]
        )
        try:
            await self._replicas.call(lambda stub: stub.RecordDeliveries, request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            name = error.code().name
            if is_unavailable(error):
                raise Unavailable(f"the session service did not take the records ({name})") from None
            raise RecordRefused(f"the session service refuses the records ({name})") from None

    async def close(self) -> None:
        await self._replicas.close()
