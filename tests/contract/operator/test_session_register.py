"""The register of numbers over real gRPC: what is written is what is read again, and refusals keep their words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from parley.session.v1 import number_pb2
from parley_chassis.grpc_server import grpc_server
from parley_chassis.settings import ProcessSettings
from parley_operator.adapters.session_client import OURS, SessionRegister
from parley_operator.domain.failures import Kind
from parley_operator.domain.steps import Registration
from parley_operator.errors import Refused
from tests.contract.operator.numbers import Numbers

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
    segments_per_second=2.5,
)


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
async def register(numbers: Numbers) -> AsyncIterator[SessionRegister]:
    async with grpc_server("127.0.0.1:0", PROCESS, numbers.register) as address:
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
    async with grpc_server("127.0.0.1:0", ProcessSettings(api_keys=("key",)), numbers.register) as address:
        register = SessionRegister([address], ProcessSettings())
        with pytest.raises(Refused) as raised:
            await register.list()
        await register.close()
    assert (raised.value.failure.kind, raised.value.failure.reason) == (Kind.ADMIN, "SessionRefused")
