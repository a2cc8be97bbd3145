"""Asks the session service over gRPC whose key it is that a caller presents."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from parley.session.v1 import key_service_pb2, key_service_pb2_grpc
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from parley_gateway.adapters.peer_errors import peer_error
from parley_gateway.domain.caller import Caller, Scope

SCOPES = {key_service_pb2.Key.SCOPE_SEND: Scope.SEND, key_service_pb2.Key.SCOPE_READ: Scope.READ}


class GrpcKeys:
    """The Keys port. `timeout` is in seconds for each of two tries of a call."""

    def __init__(self, addresses: Sequence[str], process: ProcessSettings, *, timeout: float) -> None:
        self._replicas = Replicas(addresses, key_service_pb2_grpc.KeyServiceStub, process)
        self._timeout = timeout

    async def check(self, text: str) -> Caller | None:
        request = key_service_pb2.CheckKeyRequest(text=text)
        try:
            found = await self._replicas.call(lambda stub: stub.CheckKey, request, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise peer_error("session", error) from None
        # A scope of a newer service is for nothing that is served here.
        scopes = frozenset(SCOPES[scope] for scope in found.scopes if scope in SCOPES)
        return Caller(found.key_id, frozenset(found.agents), scopes)

    async def close(self) -> None:
        await self._replicas.close()
