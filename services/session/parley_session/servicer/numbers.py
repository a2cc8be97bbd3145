"""NumberService: the register of our numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from parley.session.v1 import number_service_pb2, number_service_pb2_grpc
from parley_session import requests
from parley_session.errors import NumberNotFound
from parley_session.ports import NumberStore

Context = grpc.aio.ServicerContext[Any, Any]


class NumberServicer(number_service_pb2_grpc.NumberServiceServicer):
    """`changed` is called when a number may point to an agent that has not been described yet."""

    def __init__(self, numbers: NumberStore, changed: Callable[[], None]) -> None:
        self._numbers = numbers
        self._changed = changed

    async def UpdateNumber(  # noqa: N802
        self, request: number_service_pb2.UpdateNumberRequest, context: Context
    ) -> number_service_pb2.UpdateNumberResponse:
        number, change = requests.number_change(request)
        updated = await self._numbers.update_number(number, change, allow_missing=request.allow_missing)
        if updated is None:
            raise NumberNotFound
        self._changed()
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
        found = await self._numbers.list_numbers(size + 1, requests.number_of(request.page_token))
        return number_service_pb2.ListNumbersResponse(
            numbers=[requests.number_message(number) for number in found[:size]],
            next_page_token=found[size - 1].number if len(found) > size else "",
        )
