"""Stands before every handler of a gRPC server: asks for a key, and gives errors their public form.

Refuses to tell a caller, or the log, the text of an exception that nobody foresaw.
"""

from __future__ import annotations

import asyncio
import hmac
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias
from weakref import WeakSet

import grpc
from google.protobuf.message import DecodeError

from parley_chassis.cancellation import is_being_cancelled
from parley_chassis.errors import DETAILS_KEY, InvalidArgument, ParleyError, Unauthenticated, Unavailable, to_details
from parley_chassis.settings import ProcessSettings

if TYPE_CHECKING:
    # Generic in the stubs only.
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
    Behavior: TypeAlias = Callable[[Any, Context], Any]
    """What a servicer's method is: a coroutine function, or an async generator function that yields responses."""

log = logging.getLogger(__name__)

UNGUARDED = "/grpc.health.v1.Health/"
"""What keeps the process alive asks these, and has no key."""


class Guard(grpc.aio.ServerInterceptor):
    """Lets a call in or refuses it; each method's handler is wrapped once, when it is first called."""

    def __init__(self, process: ProcessSettings) -> None:
        self._open = process.insecure_dev or process.tls
        self._keys = [key.encode() for key in process.api_keys]
        self._wrapped: dict[str, Handler] = {}
        self._streams: WeakSet[_Requests] = WeakSet()
        self._draining = False

    def drain(self) -> None:
        """Ends the request streams of calls under way as if their callers had: what was read is still answered.

        Without it a stream that lives as long as its client would hold up every stop. Reaches handlers that iterate
        over their requests, not those that call `context.read()`.
        """
        self._draining = True
        for stream in self._streams:
            stream.end()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        method = handler_call_details.method
        if not (self._open or self._has_key(handler_call_details.invocation_metadata) or method.startswith(UNGUARDED)):
            handler = await continuation(handler_call_details)
            return handler and _rebuilt(handler, _refuse)
        if method in self._wrapped:
            return self._wrapped[method]
        handler = await continuation(handler_call_details)
        if handler is not None:
            handler = self._wrapped[method] = self._wrap(handler, method)
        return handler

    def _has_key(self, metadata: Iterable[tuple[str, str | bytes]]) -> bool:
        for name, value in metadata:
            if name == "authorization" and isinstance(value, str):
                scheme, _, key = value.partition(" ")
                given = key.encode()
                # Every key is compared, so that the time does not tell which one was nearly right.
                matches = [hmac.compare_digest(given, known) for known in self._keys]
                return scheme.lower() == "bearer" and True in matches
        return False

    def _wrap(self, handler: Handler, method: str) -> Handler:
        prepare = self._follow if handler.request_streaming else _parsing(handler, method)
        behavior = _behavior(handler)
        wrap = _streaming if inspect.isasyncgenfunction(behavior) else _answering
        return _rebuilt(handler, wrap(behavior, prepare, method))

    def _follow(self, requests: AsyncIterator[bytes]) -> _Requests:
        stream = _Requests(requests)
        self._streams.add(stream)
        if self._draining:
            stream.end()
        return stream


class _Requests:
    """The requests of one call, ended by the caller or by `end`, whichever comes first."""

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = aiter(requests)
        self._reading: asyncio.Timeout | None = None
        self._ended = False

    def end(self) -> None:
        self._ended = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    def __aiter__(self) -> _Requests:
        return self

    async def __anext__(self) -> Any:
        if self._ended:
            raise StopAsyncIteration
        try:
            # A timeout that never fires of itself is the one way to end an await from outside without a task for it.
            async with asyncio.timeout(None) as self._reading:
                return await anext(self._requests)
        except TimeoutError:
            raise StopAsyncIteration from None
        finally:
            self._reading = None


def _answering(behavior: Behavior, prepare: Callable[[Any], Any], method: str) -> Behavior:
    async def answer(request: Any, context: Context) -> Any:
        try:
            return await behavior(prepare(request), context)
        except (Exception, asyncio.CancelledError) as error:
            await _fail(context, error, method)

    return answer


def _streaming(behavior: Behavior, prepare: Callable[[Any], Any], method: str) -> Behavior:
    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async for response in behavior(prepare(request), context):
                yield response
        except (Exception, asyncio.CancelledError) as error:
            await _fail(context, error, method)

    return stream


async def _refuse(_request: Any, context: Context) -> None:
    await _abort(context, Unauthenticated("present a key: metadata 'authorization: Bearer <key>'"))


async def _fail(context: Context, error: BaseException, method: str) -> NoReturn:
    """Ends the call with the public form of `error`."""
    if isinstance(error, grpc.aio.BaseError):
        # The handler ended the call itself, or the caller has gone.
        raise error
    if isinstance(error, asyncio.CancelledError):
        if is_being_cancelled():
            raise error
        # Something that the handler waited for was cancelled, e.g. a call on a channel that closed.
        await _abort(context, Unavailable("what this call needs was cancelled; try again"))
    if isinstance(error, ParleyError):
        await _abort(context, error)
    if context.code() is grpc.StatusCode.UNIMPLEMENTED:
        # The generated class answers for methods that the servicer does not have.
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method} is not served here")
    log.error("call_failed", extra={"method": method}, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "internal error")


async def _abort(context: Context, error: ParleyError) -> NoReturn:
    await context.abort(error.code, error.message, ((DETAILS_KEY, to_details(error)),))


def _parsing(handler: Handler, method: str) -> Callable[[bytes], Any]:
    """Parses a unary request where its fault can be told; gRPC itself would quote the parser and answer UNKNOWN."""
    deserialize = handler.request_deserializer
    if deserialize is None:
        return lambda request: request

    def parse(request: bytes) -> Any:
        try:
            return deserialize(request)
        except DecodeError:
            raise InvalidArgument(f"the request is no message of {method}", reason="MALFORMED_REQUEST") from None

    return parse


def _behavior(handler: Handler) -> Behavior:
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream  # type: ignore[return-value]


def _rebuilt(handler: Handler, behavior: Behavior) -> Handler:
    """A handler of the same kind with another behavior; a unary request reaches it unparsed."""
    if handler.request_streaming:
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        return make(behavior, handler.request_deserializer, handler.response_serializer)
    make = grpc.unary_stream_rpc_method_handler if handler.response_streaming else grpc.unary_unary_rpc_method_handler
    return make(behavior, None, handler.response_serializer)
