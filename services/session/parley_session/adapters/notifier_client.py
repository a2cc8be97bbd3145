"""Hands outbound messages to the notifier over gRPC."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.errors import Unavailable
from parley_chassis.grpc_channel import Replicas
from parley_chassis.settings import ProcessSettings
from parley_session.ports import Submission

TIMEOUT = 0.6


class GrpcNotifier:
    """The Notifier port over gRPC."""

    def __init__(self, addresses: Sequence[str], process: ProcessSettings) -> None:
        self._replicas = Replicas(addresses, notifier_service_pb2_grpc.NotifierServiceStub, process)

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[None]:
        request = notifier_pb2.SubmitRequest(
            submissions=[
                notifier_pb2.Submission(
                    message_id=s.message_id,
                    thread_id=s.thread_id,
                    seq=s.seq,
                    sender=s.sender,
                    participant=s.participant,
                    text=s.text,
                    traceparent=s.traceparent,
                )
                for s in submissions
            ]
        )
        try:
            await self._replicas.call(lambda stub: stub.Submit, request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"the notifier did not take the messages ({error.code().name})") from None
        return [None] * len(submissions)

    async def close(self) -> None:
        await self._replicas.close()
