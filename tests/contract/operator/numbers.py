"""A register of numbers behind real gRPC, as the session service serves it."""

from __future__ import annotations

from typing import Any

import grpc

from parley.session.v1 import number_pb2, number_service_pb2, number_service_pb2_grpc
from parley_chassis.errors import InvalidArgument, NotFound

Context = Any


class Numbers(number_service_pb2_grpc.NumberServiceServicer):
    """Keeps what it is sent, and gives pages of one number."""

    def __init__(self) -> None:
        self.kept: dict[str, number_pb2.Number] = {}
        self.masks: list[list[str]] = []

    async def UpdateNumber(
        self, request: number_service_pb2.UpdateNumberRequest, context: Context
    ) -> number_service_pb2.UpdateNumberResponse:
        self.masks.append(list(request.update_mask.paths))
        number = request.number
        if number.agent == "NO":
            raise InvalidArgument("number.agent: lower case only", field="number.agent")
        if number.number not in self.kept:
            if not request.allow_missing:
                raise NotFound("no such number", reason="NUMBER_NOT_FOUND")
            self.kept[number.number] = number
        elif request.update_mask.paths == ["sending_paused"]:
            self.kept[number.number].sending_paused = number.sending_paused
        return number_service_pb2.UpdateNumberResponse(number=self.kept[number.number])

    async def ListNumbers(
        self, request: number_service_pb2.ListNumbersRequest, context: Context
    ) -> number_service_pb2.ListNumbersResponse:
        left = [self.kept[name] for name in sorted(self.kept) if name > request.page_token]
        token = left[0].number if len(left) > 1 else ""
        return number_service_pb2.ListNumbersResponse(numbers=left[:1], next_page_token=token)

    async def DeleteNumber(
        self, request: number_service_pb2.DeleteNumberRequest, context: Context
    ) -> number_service_pb2.DeleteNumberResponse:
        self.kept.pop(request.number, None)
        return number_service_pb2.DeleteNumberResponse()

    def register(self, server: grpc.aio.Server) -> list[str]:
        number_service_pb2_grpc.add_NumberServiceServicer_to_server(self, server)
        return ["parley.session.v1.NumberService"]

    async def GetNumber(
        self, request: number_service_pb2.GetNumberRequest, context: Context
    ) -> number_service_pb2.GetNumberResponse:
        if request.number not in self.kept:
            raise NotFound("no such number", reason="NUMBER_NOT_FOUND")
        return number_service_pb2.GetNumberResponse(number=self.kept[request.number])
