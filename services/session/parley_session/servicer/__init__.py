"""The gRPC face of the session service, a module for each of its APIs."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from parley.session.v1 import (
    clock_service_pb2,
    clock_service_pb2_grpc,
    dead_letter_service_pb2,
    dead_letter_service_pb2_grpc,
    key_service_pb2,
    key_service_pb2_grpc,
    number_service_pb2,
    number_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from parley_session.servicer.clock import ClockServicer
from parley_session.servicer.dead_letters import DeadLetterServicer
from parley_session.servicer.keys import KeyServicer
from parley_session.servicer.numbers import NumberServicer
from parley_session.servicer.sessions import SessionServicer


def add_to(
    sessions: SessionServicer,
    dead_letters: DeadLetterServicer,
    numbers: NumberServicer,
    keys: KeyServicer,
    clock: ClockServicer,
) -> Callable[[grpc.aio.Server], list[str]]:
    """What registers the services with a server and returns their full names."""

    def add(server: grpc.aio.Server) -> list[str]:
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(sessions, server)
        dead_letter_service_pb2_grpc.add_DeadLetterServiceServicer_to_server(dead_letters, server)
        number_service_pb2_grpc.add_NumberServiceServicer_to_server(numbers, server)
        key_service_pb2_grpc.add_KeyServiceServicer_to_server(keys, server)
        clock_service_pb2_grpc.add_ClockServiceServicer_to_server(clock, server)
        return [
            session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name,
            dead_letter_service_pb2.DESCRIPTOR.services_by_name["DeadLetterService"].full_name,
            number_service_pb2.DESCRIPTOR.services_by_name["NumberService"].full_name,
            key_service_pb2.DESCRIPTOR.services_by_name["KeyService"].full_name,
            clock_service_pb2.DESCRIPTOR.services_by_name["ClockService"].full_name,
        ]

    return add
