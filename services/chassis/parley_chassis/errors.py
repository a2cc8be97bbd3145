"""The form that every refusal takes between services: a gRPC status, a reason, and whether to try again.

    ParleyError
    ├── InvalidArgument      the caller's mistake; the message names the field and the fix
    ├── NotFound
    ├── AlreadyExists        the key was used for something else
    ├── FailedPrecondition   right request, wrong state
    ├── Unauthenticated
    ├── ResourceExhausted    too much at once; try again later
    └── Unavailable          nothing was done, or the outcome is not known; try again by the same key

A service's own errors.py derives from these. Texts of errors hold no phone number, message text or secret.
"""

from __future__ import annotations

from typing import ClassVar

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

DOMAIN = "parley.dev"
DETAILS_KEY = "grpc-status-details-bin"

RETRIABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""Statuses after which the same call may succeed on another replica, or later on the same."""


class ParleyError(Exception):
    """Base of all errors that a caller of another process is told of."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    retryable: ClassVar[bool] = False
    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, reason: str | None = None, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.error_reason = reason or self.reason


class InvalidArgument(ParleyError):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class NotFound(ParleyError):
    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class AlreadyExists(ParleyError):
    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class FailedPrecondition(ParleyError):
    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class Unauthenticated(ParleyError):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class ResourceExhausted(ParleyError):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    retryable = True
    reason = "RESOURCE_EXHAUSTED"


class Unavailable(ParleyError):
    code = grpc.StatusCode.UNAVAILABLE
    retryable = True
    reason = "UNAVAILABLE"


def is_unavailable(error: BaseException) -> bool:
    """Whether a peer did not answer, so that nothing was done or nobody knows. The peer may be PostgreSQL."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code() in RETRIABLE
    return isinstance(error, Unavailable | TimeoutError | ConnectionError)


def to_details(error: ParleyError) -> bytes:
    """The value of the trailing metadata `grpc-status-details-bin` that carries the ErrorInfo."""
    metadata = {"retryable": "true" if error.retryable else "false"}
    if error.field:
        metadata["field"] = error.field
    detail = Any()
    detail.Pack(ErrorInfo(reason=error.error_reason, domain=DOMAIN, metadata=metadata))
    status = Status(code=Code.Value(error.code.name), message=error.message, details=[detail])
    encoded: bytes = status.SerializeToString()
    return encoded


def error_info(error: grpc.aio.AioRpcError) -> ErrorInfo | None:
    """The ErrorInfo that a failed call brought, or None."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return _first_info(value)
    return None


def _first_info(encoded: bytes) -> ErrorInfo | None:
    info = ErrorInfo()
    try:
        for detail in Status.FromString(encoded).details:
            if detail.Unpack(info):
                return info
    except DecodeError:
        # The other side need not be ours, and its status tells enough.
        return None
    return None
