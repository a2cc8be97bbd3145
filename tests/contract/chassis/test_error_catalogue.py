"""Every error of the catalogue arrives at the caller in its one public form, and what is none arrives as nothing."""

import json
import logging
from typing import Any

import grpc
import pytest

from parley_chassis.batcher import BatcherClosed
from parley_chassis.errors import (
    DETAILS_KEY,
    DOMAIN,
    RETRIABLE,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ParleyError,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    error_info,
    is_unavailable,
)
from parley_chassis.logs import JsonFormatter
from parley_chassis.postgres.pool import DatabaseUnavailable
from tests.integration.chassis.notifier_service import Notifier, serving, submit

SECRET = "+15550123456 said: my password is hunter2"


async def fails_with(error: BaseException) -> grpc.aio.AioRpcError:
    """What a caller gets when the handler raises `error`."""

    async def act(_request: Any, _context: Any) -> None:
        raise error

    async with serving(Notifier(act)) as address:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await submit(address)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "status", "reason", "retryable"),
    [
        (ParleyError, "INTERNAL", "INTERNAL", "false"),
        (InvalidArgument, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "false"),
        (NotFound, "NOT_FOUND", "NOT_FOUND", "false"),
        (AlreadyExists, "ALREADY_EXISTS", "ALREADY_EXISTS", "false"),
        (FailedPrecondition, "FAILED_PRECONDITION", "FAILED_PRECONDITION", "false"),
        (Unauthenticated, "UNAUTHENTICATED", "UNAUTHENTICATED", "false"),
        (ResourceExhausted, "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", "true"),
        (Unavailable, "UNAVAILABLE", "UNAVAILABLE", "true"),
        (BatcherClosed, "UNAVAILABLE", "STOPPING", "true"),
        (DatabaseUnavailable, "UNAVAILABLE", "DATABASE_UNAVAILABLE", "true"),
    ],
)
async def test_an_error_keeps_its_status_reason_and_advice(
    kind: type[ParleyError], status: str, reason: str, retryable: str
) -> None:
    error = await fails_with(kind("what happened, and what to do"))
    assert (error.code().name, error.details()) == (status, "what happened, and what to do")
    info = error_info(error)
    assert info is not None
    assert (info.reason, info.domain, dict(info.metadata)) == (reason, DOMAIN, {"retryable": retryable})


def test_the_catalogue_is_complete() -> None:
    listed = {
        InvalidArgument,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        Unauthenticated,
        ResourceExhausted,
        Unavailable,
    }
    assert {kind for kind in ParleyError.__subclasses__() if kind.__module__ == "parley_chassis.errors"} == listed
    assert all(kind.reason == kind.reason.upper() for kind in listed)
    assert {kind.code for kind in listed if kind.retryable} >= {grpc.StatusCode.UNAVAILABLE}


async def test_an_error_of_a_service_names_its_own_reason_and_the_field() -> None:
    error = await fails_with(InvalidArgument("thread_id: write a UUID", reason="BAD_UUID", field="thread_id"))
    info = error_info(error)
    assert info is not None
    assert (info.reason, info.metadata["field"]) == ("BAD_UUID", "thread_id")


async def test_what_nobody_foresaw_arrives_as_bare_internal(caplog: pytest.LogCaptureFixture) -> None:
    error = await fails_with(ValueError(SECRET))
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert error_info(error) is None
    assert SECRET not in str(error.trailing_metadata())
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    line = json.loads(JsonFormatter().format(record))
    assert (line["event"], line["error"]) == ("call_failed", "ValueError")
    assert line["method"] == "/parley.notifier.v1.NotifierService/Submit"
    assert "hunter2" not in json.dumps(line)


async def test_a_failed_call_to_somebody_else_is_not_passed_on_as_ones_own() -> None:
    error = await fails_with(grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, details=SECRET))
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")


async def test_details_that_are_not_ours_are_no_reason_to_fail() -> None:
    metadata = grpc.aio.Metadata((DETAILS_KEY, b"\xff\xff"))
    assert error_info(grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, trailing_metadata=metadata)) is None
    assert error_info(grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL)) is None


@pytest.mark.parametrize("status", list(grpc.StatusCode), ids=lambda status: status.name)
def test_a_call_is_unavailable_only_if_it_may_succeed_elsewhere(status: grpc.StatusCode) -> None:
    assert is_unavailable(grpc.aio.AioRpcError(status)) == (status in RETRIABLE)
