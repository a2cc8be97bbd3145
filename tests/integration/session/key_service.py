"""Serves the key service without the rest of the session service."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from parley.session.v1 import key_service_pb2_grpc
from parley_session.servicer.keys import KeyServicer


def serving(keys: KeyServicer) -> Callable[[grpc.aio.Server], list[str]]:
    """What registers it with a server."""

    def add(server: grpc.aio.Server) -> list[str]:
        key_service_pb2_grpc.add_KeyServiceServicer_to_server(keys, server)
        return []

    return add
