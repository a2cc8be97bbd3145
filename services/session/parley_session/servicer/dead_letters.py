"""DeadLetterService: what did not reach a participant, and what a person decides about it."""

from __future__ import annotations

from typing import Any

import grpc

from parley.session.v1 import dead_letter_service_pb2 as pb
from parley.session.v1 import dead_letter_service_pb2_grpc
from parley_session import requests
from parley_session.dead_letter_ports import DeadLetter, DeadLetterStore
from parley_session.errors import DeadLetterNotFound
from parley_session.handlers.retry_dead_letter import RetryDeadLetter

Context = grpc.aio.ServicerContext[Any, Any]


class DeadLetterServicer(dead_letter_service_pb2_grpc.DeadLetterServiceServicer):
    def __init__(self, letters: DeadLetterStore, retry: RetryDeadLetter) -> None:
        self._letters = letters
        self._retry = retry

    async def ListDeadLetters(  # noqa: N802
        self, request: pb.ListDeadLettersRequest, context: Context
    ) -> pb.ListDeadLettersResponse:
        size = requests.page_size(request.page_size)
        after = requests.uuid_of("page_token", request.page_token) if request.page_token else ""
        agent = requests.agent_of("agent", request.agent) if request.agent else ""
        since = requests.since_of(request.created_since)
        found = await self._letters.list_dead_letters(size + 1, after, since, agent)
        return pb.ListDeadLettersResponse(
            dead_letters=[_message(letter) for letter in found[:size]],
            next_page_token=found[size - 1].message.message_id if len(found) > size else "",
        )

    async def GetDeadLetter(  # noqa: N802
        self, request: pb.GetDeadLetterRequest, context: Context
    ) -> pb.GetDeadLetterResponse:
        letter = await self._letters.get_dead_letter(requests.uuid_of("message_id", request.message_id))
        if letter is None:
            raise DeadLetterNotFound
        return pb.GetDeadLetterResponse(dead_letter=_message(letter))

    async def RetryDeadLetter(  # noqa: N802
        self, request: pb.RetryDeadLetterRequest, context: Context
    ) -> pb.RetryDeadLetterResponse:
        message_id = await self._retry(requests.uuid_of("message_id", request.message_id))
        return pb.RetryDeadLetterResponse(message_id=message_id)

    async def DropDeadLetter(  # noqa: N802
        self, request: pb.DropDeadLetterRequest, context: Context
    ) -> pb.DropDeadLetterResponse:
        if not await self._letters.settle_dead_letter(requests.uuid_of("message_id", request.message_id), None):
            raise DeadLetterNotFound
        return pb.DropDeadLetterResponse()


def _message(letter: DeadLetter) -> pb.DeadLetter:
    return pb.DeadLetter(
        message=requests.transcript_message(letter.message),
        endpoint=letter.endpoint,
        participant=letter.participant,
        agent=letter.agent,
    )
