"""The session service's register of numbers, over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from parley.agent.v1 import agent_pb2
from parley.session.v1 import number_pb2, number_service_pb2, number_service_pb2_grpc
from parley_chassis.errors import error_info, is_unavailable
from parley_chassis.replicas import Replicas
from parley_chassis.settings import ProcessSettings
from parley_operator.domain.failures import HOURLY, LATER, SOON, Failure, Kind
from parley_operator.domain.resource import DURATIONS, Wishes
from parley_operator.domain.steps import Registration
from parley_operator.errors import Refused

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
Method = Callable[
    ["number_service_pb2_grpc.NumberServiceAsyncStub"], "grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]"
]

TIMEOUT = 3.0
PAGE = 500
OURS = ("agent", "settings", "keywords", "opt_out_scope", "sending_paused", "ingest_from", "segments_per_second")
"""The fields of a number that the resource decides about."""
KEYWORDS = {
    "twilio": number_pb2.KEYWORDS_PROVIDER,
    "advanced": number_pb2.KEYWORDS_ADVANCED,
    "none": number_pb2.KEYWORDS_NONE,
}
ENUMS: Mapping[str, Mapping[str, Any]] = {
    "greeting": {
        "greet": agent_pb2.GREETING_GREET,
        "answer": agent_pb2.GREETING_ANSWER,
        "greetAndAnswer": agent_pb2.GREETING_GREET_AND_ANSWER,
    },
    "on_open_session": {
        "supersede": agent_pb2.ON_OPEN_SESSION_SUPERSEDE,
        "join": agent_pb2.ON_OPEN_SESSION_JOIN,
        "reject": agent_pb2.ON_OPEN_SESSION_REJECT,
    },
}
SCALARS = ("fallback_text", "warning_text", "closing_text", "text_limit", "repeat_limit", "turn_limit")


class SessionRegister:
    """The port Register."""

    def __init__(self, addresses: Sequence[str], process: ProcessSettings) -> None:
        self._replicas = Replicas(addresses, number_service_pb2_grpc.NumberServiceStub, process)

    async def list(self) -> Sequence[Registration]:
        found: list[Registration] = []
        request = number_service_pb2.ListNumbersRequest(page_size=PAGE)
        while True:
            page = await self._call(lambda stub: stub.ListNumbers, request)
            found += map(_registration, page.numbers)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def write(self, registration: Registration) -> Registration:
        request = number_service_pb2.UpdateNumberRequest(
            number=_number(registration), allow_missing=True, update_mask=FieldMask(paths=OURS)
        )
        answer = await self._call(lambda stub: stub.UpdateNumber, request)
        return _registration(answer.number)

    async def switch_sending(self, phone_number: str, *, sending: bool) -> bool:
        request = number_service_pb2.UpdateNumberRequest(
            number=number_pb2.Number(number=phone_number, sending_paused=not sending),
            update_mask=FieldMask(paths=["sending_paused"]),
        )
        try:
            await self._call(lambda stub: stub.UpdateNumber, request)
        except Refused as refused:
            if refused.failure.kind is Kind.GONE:
                return False
            raise
        return True

    async def delete(self, phone_number: str) -> None:
        await self._call(lambda stub: stub.DeleteNumber, number_service_pb2.DeleteNumberRequest(number=phone_number))

    async def _call(self, method: Method[RequestT, ResponseT], request: RequestT) -> ResponseT:
        try:
            return await self._replicas.call(method, request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            raise Refused(_failure(error)) from None

    async def close(self) -> None:
        await self._replicas.close()


def _failure(error: grpc.aio.AioRpcError) -> Failure:
    if is_unavailable(error):
        return Failure(
            Kind.TRANSIENT, "SessionUnavailable", "The session service does not answer. It is asked again.", SOON
        )
    if error.code() is grpc.StatusCode.NOT_FOUND:
        return Failure(Kind.GONE, "NotRegistered", "The session service does not know the number.", SOON)
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        info = error_info(error)
        field = info.metadata.get("field", "") if info is not None else ""
        # Our own service's words, which name the field, as it calls it, and the fix.
        fix = (error.details() or "").removeprefix(f"{field}: ")
        return Failure(Kind.SPEC, "SettingsRefused", f"Correct spec.{field.removeprefix('number.')}: {fix}", HOURLY)
    return Failure(
        Kind.ADMIN,
        "SessionRefused",
        f"The session service refuses the operator ({error.code().name}). Check PARLEY_API_KEY and its certificates.",
        LATER,
    )


def _number(registration: Registration) -> number_pb2.Number:
    return number_pb2.Number(
        number=registration.phone_number,
        agent=registration.agent,
        settings=_settings(registration.settings),
        keywords=KEYWORDS[registration.keywords],
        opt_out_scope=registration.opt_out_scope,
        sending_paused=not registration.sending,
        ingest_from=Timestamp(seconds=int(registration.ingest_from)),
        segments_per_second=registration.segments_per_second,
    )


def _registration(number: number_pb2.Number) -> Registration:
    return Registration(
        phone_number=number.number,
        agent=number.agent,
        settings=_wishes(number.settings),
        keywords=next((name for name, value in KEYWORDS.items() if value == number.keywords), "twilio"),
        opt_out_scope=number.opt_out_scope,
        sending=not number.sending_paused,
        ingest_from=float(number.ingest_from.seconds),
        segments_per_second=number.segments_per_second,
    )


def _settings(wishes: Wishes) -> agent_pb2.AgentSettings:
    message = agent_pb2.AgentSettings()
    for name, value in wishes.items():
        if name in DURATIONS:
            getattr(message, name).FromMilliseconds(round(float(str(value)) * 1000))
        elif name in ENUMS:
            setattr(message, name, ENUMS[name][str(value)])
        elif name in SCALARS:
            setattr(message, name, value)
    return message


def _wishes(settings: agent_pb2.AgentSettings) -> dict[str, object]:
    """The fields that are set, as a resource would have written them."""
    wishes: dict[str, object] = {}
    for name, words in ENUMS.items():
        if (
            word := next((word for word, value in words.items() if value == getattr(settings, name)), None)
        ) is not None:
            wishes[name] = word
    for name in DURATIONS:
        if settings.HasField(name):  # type: ignore[arg-type]
            duration: Duration = getattr(settings, name)
            wishes[name] = duration.ToMilliseconds() / 1000
    wishes |= {name: getattr(settings, name) for name in SCALARS if settings.HasField(name)}  # type: ignore[arg-type]
    return wishes
