"""NumberService: the register of our numbers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from parley.session.v1 import number_service_pb2, number_service_pb2_grpc
from parley_session import requests
from parley_session.errors import NumberNotFound
from parley_session.ports import NumberStore

Context = grpc.aio.ServicerContext[Any, Any]

DESCRIBE_PATIENCE = 1.0
"""Seconds. An agent that is away is described when it is back; nobody waits for it."""


class NumberServicer(number_service_pb2_grpc.NumberServiceServicer):
    """`describe` asks an agent what it says of itself, so that the number's first session is treated accordingly."""

    def __init__(self, numbers: NumberStore, describe: Callable[[str], Awaitable[None]]) -> None:
        self._numbers = numbers
        self._describe = describe

    async def UpdateNumber(  # noqa: N802
        self, request: number_service_pb2.UpdateNumberRequest, context: Context
    ) -> number_service_pb2.UpdateNumberResponse:
        number, change = requests.number_change(request)
        updated = await self._numbers.update_number(number, change, allow_missing=request.allow_missing)
        if updated is None:
            raise NumberNotFound
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DESCRIBE_PATIENCE):
                await self._describe(updated.agent)
        return number_service_pb2.UpdateNumberResponse(number=requests.number_message(updated))

    async def GetNumber(  # noqa: N802
        self, request: number_service_pb2.GetNumberRequest, context: Context
    ) -> number_service_pb2.GetNumberResponse:
        found = await self._numbers.get_number(requests.e164_of("number", request.number))
        if found is None:
            raise NumberNotFound
        return number_service_pb2.GetNumberResponse(number=requests.number_message(found))

    async def DeleteNumber(  # noqa: N802
        self, request: number_service_pb2.DeleteNumberRequest, context: Context
    ) -> number_service_pb2.DeleteNumberResponse:
        await self._numbers.delete_number(requests.e164_of("number", request.number))
        return number_service_pb2.DeleteNumberResponse()

    async def ListNumbers(  # noqa: N802
        self, request: number_service_pb2.ListNumbersRequest, context: Context
    ) -> number_service_pb2.ListNumbersResponse:
        size = requests.page_size(request.page_size)
        after, since = requests.number_of(request.page_token), requests.since_of(request.updated_since)
        found = await self._numbers.list_numbers(size + 1, after, since)
        return number_service_pb2.ListNumbersResponse(
            numbers=[requests.number_message(number) for number in found[:size]],
            next_page_token=found[size - 1].number if len(found) > size else "",
        )
