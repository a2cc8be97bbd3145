"""The register of numbers over real gRPC: what the operator writes is what it reads again, and refusals keep their words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from parley.session.v1 import number_pb2, number_service_pb2, number_service_pb2_grpc
from parley_chassis.errors import InvalidArgument, NotFound
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings
from parley_operator.adapters.session_client import OURS, SessionRegister
from parley_operator.domain.failures import Kind
from parley_operator.domain.steps import Registration
from parley_operator.errors import Refused

NUMBER = "+14155550123"
PROCESS = ProcessSettings(insecure_dev=True)
REGISTRATION = Registration(
    phone_number=NUMBER,
    agent="support",
    settings={
        "greeting": "greetAndAnswer",
        "on_open_session": "join",
        "settle": 1.5,
        "inactive_after": 0.0,
        "closing_text": "",
        "text_limit": 0,
    },
    keywords="advanced",
    opt_out_scope="MG1",
    sending=False,
    ingest_from=1_800_000_000.0,
)
Context = Any


class Numbers(number_service_pb2_grpc.NumberServiceServicer):
    """A register that keeps what it is sent, and pages of one number."""

    def __init__(self) -> None:
        self.kept: dict[str, number_pb2.Number] = {}
        self.masks: list[list[str]] = []

    async def UpdateNumber(  # noqa: N802
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

    async def ListNumbers(  # noqa: N802
        self, request: number_service_pb2.ListNumbersRequest, context: Context
    ) -> number_service_pb2.ListNumbersResponse:
        left = [self.kept[name] for name in sorted(self.kept) if name > request.page_token]
        token = left[0].number if len(left) > 1 else ""
        return number_service_pb2.ListNumbersResponse(numbers=left[:1], next_page_token=token)

    async def DeleteNumber(  # noqa: N802
        self, request: number_service_pb2.DeleteNumberRequest, context: Context
    ) -> number_service_pb2.DeleteNumberResponse:
        self.kept.pop(request.number, None)
        return number_service_pb2.DeleteNumberResponse()


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
async def register(numbers: Numbers) -> AsyncIterator[SessionRegister]:
    def add(server: grpc.aio.Server) -> list[str]:
        number_service_pb2_grpc.add_NumberServiceServicer_to_server(numbers, server)
        return ["parley.session.v1.NumberService"]

    async with grpc_server("127.0.0.1:0", PROCESS, add) as address:
        made = SessionRegister([address], PROCESS)
        yield made
        await made.close()


async def test_what_is_written_is_what_is_read(register: SessionRegister, numbers: Numbers) -> None:
    assert await register.write(REGISTRATION) == REGISTRATION
    assert await register.list() == [REGISTRATION]
    assert numbers.masks == [list(OURS)]  # fields that others decide about stay as they are


async def test_every_page_is_read(register: SessionRegister, numbers: Numbers) -> None:
    for index in range(3):
        numbers.kept[f"+1415555012{index}"] = number_pb2.Number(number=f"+1415555012{index}", agent="a")
    assert len(await register.list()) == 3


async def test_the_kill_switch_changes_nothing_else(register: SessionRegister, numbers: Numbers) -> None:
    await register.write(REGISTRATION)
    assert await register.switch_sending(NUMBER, sending=True)
    assert numbers.masks[-1] == ["sending_paused"]
    assert not numbers.kept[NUMBER].sending_paused
    assert not await register.switch_sending("+14155550199", sending=False)


async def test_a_number_is_forgotten(register: SessionRegister, numbers: Numbers) -> None:
    await register.write(REGISTRATION)
    await register.delete(NUMBER)
    assert numbers.kept == {}


async def test_a_refusal_names_the_field_of_the_spec_and_the_fix(register: SessionRegister) -> None:
    with pytest.raises(Refused) as raised:
        await register.write(Registration(NUMBER, "NO", {}, "twilio", "", True, 0.0))
    failure = raised.value.failure
    assert (failure.kind, failure.reason) == (Kind.SPEC, "SettingsRefused")
    assert failure.message.startswith("Correct spec.agent")


async def test_a_service_that_is_away_is_a_passing_matter() -> None:
    register = SessionRegister(["127.0.0.1:1"], PROCESS)
    with pytest.raises(Refused) as raised:
        await register.list()
    assert raised.value.failure.is_passing
    await register.close()


async def test_a_missing_key_is_the_administrators_matter(numbers: Numbers) -> None:
    def add(server: grpc.aio.Server) -> list[str]:
        number_service_pb2_grpc.add_NumberServiceServicer_to_server(numbers, server)
        return ["parley.session.v1.NumberService"]

    async with grpc_server("127.0.0.1:0", ProcessSettings(api_keys=("key",)), add) as address:
        register = SessionRegister([address], ProcessSettings())
        with pytest.raises(Refused) as raised:
            await register.list()
        await register.close()
    assert (raised.value.failure.kind, raised.value.failure.reason) == (Kind.ADMIN, "SessionRefused")
