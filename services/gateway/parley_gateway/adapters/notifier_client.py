"""Hands status reports to the notifier over gRPC, in batches of whatever has arrived."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from parley_gateway.adapters.intake import Intake, IntakeLimits
from parley_gateway.adapters.peer_errors import peer_error
from parley_gateway.domain.report import Report


class GrpcDeliveries:
    """The Deliveries port. `timeout` is in seconds for each of two tries of a call."""

    def __init__(
        self, addresses: Sequence[str], process: ProcessSettings, *, timeout: float, limits: IntakeLimits
    ) -> None:
        self._replicas = Replicas(addresses, notifier_service_pb2_grpc.NotifierServiceStub, process)
        self._timeout = timeout
        self._intake = Intake(self._flush, limits)
        self.batcher = self._intake.batcher

    async def report(self, report: Report) -> None:
        await self._intake.submit(report)

    async def _flush(self, batch: list[Report]) -> list[None]:
        request = notifier_pb2.ReportDeliveriesRequest(reports=[_report(report) for report in batch])
        try:
            await self._replicas.call(lambda stub: stub.ReportDeliveries, request, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            raise peer_error("notifier", error) from None
        return [None] * len(batch)

    async def close(self) -> None:
        """Flushes what was taken, then lets go of the channels."""
        await self._intake.close()
        await self._replicas.close()


def _report(report: Report) -> notifier_pb2.DeliveryReport:
    seconds, nanos = divmod(report.received_ns, 1_000_000_000)
    return notifier_pb2.DeliveryReport(
        delivery_id=report.delivery_id,
        message_sid=report.message_sid,
        status=report.status,
        error_code=report.error_code,
        receive_time=Timestamp(seconds=seconds, nanos=nanos),
    )
