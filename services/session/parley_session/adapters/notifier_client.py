"""Hands outbound messages to the notifier over gRPC."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.errors import Unavailable, is_unavailable
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from parley_session.errors import SubmitRefused
from parley_session.ports import OptOutNotice, Submission

TIMEOUT = 0.6


class GrpcNotifier:
    """The Notifier port over gRPC."""

    def __init__(self, addresses: Sequence[str], process: ProcessSettings) -> None:
        self._replicas = Replicas(addresses, notifier_service_pb2_grpc.NotifierServiceStub, process)

    async def submit(self, submissions: Sequence[Submission], opt_outs: Sequence[OptOutNotice]) -> None:
        request = notifier_pb2.SubmitRequest(
            submissions=[_submission(submission) for submission in submissions],
            opt_outs=[_opt_out(notice) for notice in opt_outs],
        )
        try:
            await self._replicas.call(lambda stub: stub.Submit, request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            name = error.code().name
            if is_unavailable(error):
                raise Unavailable(f"the notifier did not take the messages ({name})") from None
            # Something in them is to blame: the batch is worth another try in parts.
            raise SubmitRefused(f"the notifier refuses the messages ({name})") from None

    async def close(self) -> None:
        await self._replicas.close()


def _submission(submission: Submission) -> notifier_pb2.Submission:
    message = notifier_pb2.Submission(
        message_id=submission.message_id,
        thread_id=submission.thread_id,
        seq=submission.seq,
        sender=submission.sender,
        participant=submission.participant,
        text=submission.text,
        traceparent=submission.traceparent,
        opt_out_scope=submission.opt_out_scope,
        canceled=submission.canceled,
        at_most_once=submission.at_most_once,
    )
    if submission.expire_time:
        message.expire_time.FromDatetime(submission.expire_time)
    return message


def _opt_out(notice: OptOutNotice) -> notifier_pb2.OptOut:
    message = notifier_pb2.OptOut(scope=notice.scope, participant=notice.participant, opted_out=notice.opted_out)
    message.event_time.FromDatetime(notice.event_time)
    return message
