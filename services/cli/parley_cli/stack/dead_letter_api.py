"""The session service's dead letters for the commands: one call a function, errors as sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from parley.session.v1 import dead_letter_service_pb2, dead_letter_service_pb2_grpc
from parley_cli.stack.channels import channel_to
from parley_cli.stack.session_api import TIMEOUT, sentences

DeadLetter = dead_letter_service_pb2.DeadLetter


@asynccontextmanager
async def dead_letter_api(address: str, api_key: str) -> AsyncIterator[DeadLetterApi]:
    async with channel_to(address) as channel:
        yield DeadLetterApi(channel, api_key)


class DeadLetterApi:
    """Calls one session service. Raises ApiError."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self._letters = dead_letter_service_pb2_grpc.DeadLetterServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    async def list(self, limit: int, agent: str = "") -> list[DeadLetter]:
        """The latest first."""
        request = dead_letter_service_pb2.ListDeadLettersRequest(page_size=limit, agent=agent)
        with sentences():
            response = await self._letters.ListDeadLetters(request, timeout=TIMEOUT, metadata=self._metadata)
        return list(response.dead_letters)

    async def retry(self, message_id: str) -> str:
        """The id of the new message."""
        request = dead_letter_service_pb2.RetryDeadLetterRequest(message_id=message_id)
        with sentences():
            response = await self._letters.RetryDeadLetter(request, timeout=TIMEOUT, metadata=self._metadata)
        return response.message_id

    async def drop(self, message_id: str) -> None:
        request = dead_letter_service_pb2.DropDeadLetterRequest(message_id=message_id)
        with sentences():
            await self._letters.DropDeadLetter(request, timeout=TIMEOUT, metadata=self._metadata)
