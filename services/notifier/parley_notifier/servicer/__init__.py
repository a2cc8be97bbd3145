"""The gRPC face of the notifier, a module for each of its APIs."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from parley_notifier.servicer.gate import GateServicer
from parley_notifier.servicer.messages import NotifierServicer


def add_to(messages: NotifierServicer, gate: GateServicer) -> Callable[[grpc.aio.Server], list[str]]:
    """What registers the services with a server and returns their full names."""

    def add(server: grpc.aio.Server) -> list[str]:
        return [*messages.register(server), *gate.register(server)]

    return add
