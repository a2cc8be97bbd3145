"""The server over real gRPC: four kinds of calls with one form of errors, health, reflection, and a drain that ends."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from parley.notifier.v1 import notifier_pb2, notifier_service_pb2_grpc
from parley_chassis.errors import NotFound, error_info
from parley_chassis.grpc_channel import open_channel
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings, SettingsError
from tests.integration.chassis.notifier_service import (
    DEADLINE,
    DEVELOPMENT,
    SERVICE,
    Notifier,
    serving,
    status_of,
    submit,
)

KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]
LIMIT = 5.0
GRPC_LOG = "grpc._cython.cygrpc"


class Echo:
    """All kinds of methods on plain bytes. A request b"!" is not found, b"?" is a fault of the server's."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.began = asyncio.Event()
        self.closed = asyncio.Event()

    def check(self, request: bytes) -> bytes:
        self.read.append(request)
        self.began.set()
        if request == b"!":
            raise NotFound("no such thing", reason="NO_SUCH_THING")
        if request == b"?":
            raise KeyError("a secret")
        return request

    async def unary_unary(self, request: bytes, _context: Any) -> bytes:
        return self.check(request)

    async def unary_stream(self, request: bytes, _context: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield self.check(request)
                await asyncio.sleep(0.001)
        finally:
            self.closed.set()

    async def stream_unary(self, requests: AsyncIterator[bytes], _context: Any) -> bytes:
        return b"".join([self.check(request) async for request in requests])

    async def stream_stream(self, requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield self.check(request)
        yield b"the end"

    async def written(self, requests: AsyncIterator[bytes], context: Any) -> None:
        async for request in requests:
            await context.write(self.check(request))

    def add(self, server: grpc.aio.Server) -> Sequence[str]:
        handlers = {kind: getattr(grpc, f"{kind}_rpc_method_handler")(getattr(self, kind)) for kind in KINDS}
        handlers["written"] = grpc.stream_stream_rpc_method_handler(self.written)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("parley.Echo", handlers),))
        return ["parley.Echo"]


@asynccontextmanager
async def echo_channel(echo: Echo) -> AsyncIterator[grpc.aio.Channel]:
    async with (
        grpc_server("127.0.0.1:0", DEVELOPMENT, echo.add) as address,
        open_channel(address, DEVELOPMENT) as channel,
    ):
        yield channel


def start(channel: grpc.aio.Channel, method: str, requests: list[bytes]) -> Any:
    """Begins a call of any kind."""
    kind = "stream_stream" if method == "written" else method
    begin: Callable[..., Any] = getattr(channel, kind)(f"/parley.Echo/{method}")
    return begin(iter(requests) if kind.startswith("stream") else requests[0], timeout=DEADLINE)


async def call(channel: grpc.aio.Channel, method: str, requests: list[bytes]) -> list[bytes]:
    """What a method of any kind answers."""
    started = start(channel, method, requests)
    return [await started] if method.endswith("unary") else [response async for response in started]


async def call_raw(channel: grpc.aio.Channel, path: str, request: bytes) -> Any:
    begin: Callable[..., Any] = channel.unary_unary(path)
    return await begin(request, timeout=DEADLINE)


async def read_to_end(stream: Any) -> list[Any]:
    responses = []
    while (response := await stream.read()) is not grpc.aio.EOF:
        responses.append(response)
    return responses


@pytest.mark.parametrize("method", ["unary_unary", "stream_unary", "stream_stream", "written"])
async def test_a_good_call_is_answered(method: str) -> None:
    async with echo_channel(Echo()) as channel:
        answer = b"".join(await call(channel, method, [b"a", b"b"]))
    assert (
        answer == {"unary_unary": b"a", "stream_unary": b"ab", "stream_stream": b"abthe end", "written": b"ab"}[method]
    )


@pytest.mark.parametrize("method", [*KINDS, "written"])
async def test_every_kind_of_call_gives_a_refusal_its_form(method: str) -> None:
    async with echo_channel(Echo()) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, method, [b"!"])
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    info = error_info(caught.value)
    assert info is not None
    assert info.reason == "NO_SUCH_THING"


@pytest.mark.parametrize("method", [*KINDS, "written"])
async def test_no_kind_of_call_tells_what_nobody_foresaw(method: str) -> None:
    async with echo_channel(Echo()) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, method, [b"?"])
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INTERNAL, "internal error")


async def test_what_a_stream_sent_before_it_failed_arrives() -> None:
    async with echo_channel(Echo()) as channel:
        started = start(channel, "stream_stream", [b"a", b"!"])
        assert await started.read() == b"a"
        assert await status_of(started.read()) == grpc.StatusCode.NOT_FOUND


async def test_a_stream_is_closed_when_its_caller_goes() -> None:
    echo = Echo()
    async with echo_channel(echo) as channel:
        started = start(channel, "unary_stream", [b"a"])
        await started.read()
        started.cancel()
        async with asyncio.timeout(LIMIT):
            await echo.closed.wait()


async def test_a_handler_is_cancelled_when_its_caller_goes(caplog: pytest.LogCaptureFixture) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def act(_request: Any, _context: Any) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(Notifier(act)) as address:
        calling = asyncio.create_task(submit(address))
        with caplog.at_level(logging.DEBUG, GRPC_LOG):
            async with asyncio.timeout(LIMIT):
                await began.wait()
                calling.cancel()
                await cancelled.wait()
    # The cancel reaches gRPC, which must not be asked to answer a call that is over.
    assert [record.getMessage() for record in caplog.records if "cancelled" in record.getMessage()]


async def test_a_handler_whose_own_call_is_cancelled_answers_that_it_may_be_tried_again() -> None:
    async def act(_request: Any, _context: Any) -> None:
        raise asyncio.CancelledError  # as a call does whose channel closes

    async with serving(Notifier(act)) as address:
        assert await status_of(submit(address)) == grpc.StatusCode.UNAVAILABLE


async def test_a_handler_may_end_the_call_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def act(_request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.OUT_OF_RANGE, "by hand")

    async with serving(Notifier(act)) as address:
        assert await status_of(submit(address)) == grpc.StatusCode.OUT_OF_RANGE
    assert caplog.records == []


async def test_a_request_that_does_not_parse_is_the_callers_mistake() -> None:
    async with serving() as address, open_channel(address, DEVELOPMENT) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call_raw(channel, f"/{SERVICE}/Submit", b"\xff\xff\xff")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    info = error_info(caught.value)
    assert info is not None
    assert info.reason == "MALFORMED_REQUEST"


async def test_a_method_that_a_servicer_does_not_have_is_unimplemented() -> None:
    class Nothing(Notifier):
        Submit = notifier_service_pb2_grpc.NotifierServiceServicer.Submit  # type: ignore[assignment]

    async with serving(Nothing()) as address, open_channel(address, DEVELOPMENT) as channel:
        assert await status_of(submit(address)) == grpc.StatusCode.UNIMPLEMENTED
        assert await status_of(call_raw(channel, f"/{SERVICE}/Unknown", b"")) == grpc.StatusCode.UNIMPLEMENTED


async def test_calls_under_way_are_finished_when_the_server_stops() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def act(_request: Any, _context: Any) -> None:
        began.set()
        await go_on.wait()

    async with asyncio.timeout(LIMIT):
        async with serving(Notifier(act)) as address:
            calling = asyncio.create_task(submit(address))
            await began.wait()
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        await calling


@pytest.mark.parametrize("method", ["stream_stream", "written"])
async def test_a_stop_ends_a_request_stream_and_what_was_read_is_answered(method: str) -> None:
    echo = Echo()
    async with asyncio.timeout(LIMIT):
        async with grpc_server("127.0.0.1:0", DEVELOPMENT, echo.add) as address:
            channel = open_channel(address, DEVELOPMENT)
            stream: Any = channel.stream_stream(f"/parley.Echo/{method}")()
            await stream.write(b"a")
            assert await stream.read() == b"a"
        rest = await read_to_end(stream)
        assert await stream.code() == grpc.StatusCode.OK
    assert rest == ([b"the end"] if method == "stream_stream" else [])
    await channel.close()


def health(channel: grpc.aio.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel)


async def test_health_says_serving_for_the_process_and_its_services() -> None:
    async with serving() as address, open_channel(address, DEVELOPMENT) as channel:
        for service in ("", SERVICE):
            answer = await health(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        unknown = health(channel).Check(health_pb2.HealthCheckRequest(service="parley.Unknown"), timeout=DEADLINE)
        assert await status_of(unknown) == grpc.StatusCode.NOT_FOUND


async def test_whoever_watches_health_sees_the_drain_and_does_not_hold_it_up() -> None:
    async with asyncio.timeout(LIMIT):
        async with serving() as address:
            channel = open_channel(address, DEVELOPMENT)
            watch = health(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        rest = await read_to_end(watch)
        await channel.close()
    assert [answer.status for answer in rest] == [health_pb2.HealthCheckResponse.NOT_SERVING]


async def test_health_asks_for_no_key() -> None:
    process = ProcessSettings(api_keys=("k",))
    async with serving(process=process) as address, open_channel(address, process) as channel:
        answer = await health(channel).Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def reflected(process: ProcessSettings) -> set[str]:
    """The services that reflection lists, none when it is not served."""
    names: set[str] = set()
    async with serving(process=process) as address, open_channel(address, process) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        with suppress(grpc.aio.AioRpcError):
            metadata = [("authorization", f"Bearer {process.api_key}")]
            async for answer in stub.ServerReflectionInfo(iter([request]), timeout=DEADLINE, metadata=metadata):
                names |= {service.name for service in answer.list_services_response.service}
    return names


async def test_reflection_is_served_in_development_only() -> None:
    assert {SERVICE, "grpc.health.v1.Health"} <= await reflected(DEVELOPMENT)
    assert await reflected(ProcessSettings(api_keys=("k",), api_key="k")) == set()


async def test_a_server_that_could_not_tell_callers_apart_does_not_start() -> None:
    with pytest.raises(SettingsError, match="PARLEY_API_KEYS"):
        async with serving(process=ProcessSettings()):
            pass


@pytest.mark.parametrize("listen", ["127.0.0.1", ":8080", "127.0.0.1:", "127.0.0.1:http", "192.0.2.1:0"])
async def test_an_address_that_cannot_be_bound_is_named(listen: str) -> None:
    with pytest.raises(SettingsError) as caught:
        async with serving(listen=listen):
            pass
    assert listen in str(caught.value)


async def test_an_address_in_use_is_named() -> None:
    async with serving() as address:
        with pytest.raises(SettingsError, match=f"cannot listen on {address}: .*in use"):
            async with serving(listen=address):
                pass


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("listen", "host"), [("localhost:0", "localhost"), pytest.param("[::1]:0", "[::1]", marks=IPV6)]
)
async def test_the_bound_address_can_be_called(listen: str, host: str) -> None:
    async with serving(listen=listen) as address:
        assert address.rpartition(":")[0] == host
        assert await status_of(submit(address)) == grpc.StatusCode.OK


async def test_a_request_of_four_mebibytes_passes_and_a_longer_one_does_not() -> None:
    async def status(size: int) -> grpc.StatusCode:
        request = notifier_pb2.SubmitRequest(submissions=[notifier_pb2.Submission(text="x" * size)])
        return await status_of(call_raw(channel, f"/{SERVICE}/Submit", request.SerializeToString()))

    async with serving() as address, open_channel(address, DEVELOPMENT) as channel:
        assert await status(4 * 1024 * 1024 - 64) == grpc.StatusCode.OK
        assert await status(4 * 1024 * 1024 + 64) == grpc.StatusCode.RESOURCE_EXHAUSTED
