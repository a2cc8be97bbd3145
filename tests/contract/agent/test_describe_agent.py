"""What an agent says of itself, and what is said of one that cannot be served: DescribeAgent over real gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2 as pb
from parley.agent.v1 import agent_service_pb2_grpc
from parley_agent.app import running
from parley_agent.settings import Settings
from parley_chassis.settings import ProcessSettings, SettingsError, load

RESPOND = "def respond(conv, message): return message"
EVERYTHING = """
name: desk
greeting: greet_and_answer
settle: 1.5s
fallback_text: Sorry.
on_open_session: reject
inactive_after: 0
grace: 2m
warning_text: Still there?
closing_text: ""
unengaged_ttl: 1d
text_limit: 0
repeat_limit: 7
turn_limit: 0
"""

Stub: TypeAlias = "agent_service_pb2_grpc.AgentServiceAsyncStub"


def write(directory: Path, settings: str, code: str = RESPOND) -> None:
    directory.mkdir()
    (directory / "agent.py").write_text(code)
    (directory / "agent.yaml").write_text(settings)


def service_settings(directory: Path) -> Settings:
    process = ProcessSettings(insecure_dev=True)
    return load(Settings, process=process, listen="127.0.0.1:0", directory=directory, workers=1)


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Stub]:
    async with running(service_settings(directory)) as up, grpc.aio.insecure_channel(up.address) as channel:
        yield agent_service_pb2_grpc.AgentServiceStub(channel)


async def test_an_agent_describes_itself(tmp_path: Path) -> None:
    write(tmp_path / "desk", EVERYTHING)
    async with serving(tmp_path) as stub:
        described = await stub.DescribeAgent(pb.DescribeAgentRequest(agent="desk"))
    assert (described.agent, described.serves_run_turns) == ("desk", True)
    assert described.version
    assert described.settings == pb.AgentSettings(
        greeting=pb.GREETING_GREET_AND_ANSWER,
        settle=Duration(seconds=1, nanos=500_000_000),
        fallback_text="Sorry.",
        on_open_session=pb.ON_OPEN_SESSION_REJECT,
        inactive_after=Duration(),
        grace=Duration(seconds=120),
        warning_text="Still there?",
        closing_text="",
        unengaged_ttl=Duration(seconds=86_400),
        text_limit=0,
        repeat_limit=7,
        turn_limit=0,
    )


async def test_what_an_agent_does_not_set_is_left_to_the_session_service(tmp_path: Path) -> None:
    write(tmp_path / "desk", "")
    async with serving(tmp_path) as stub:
        described = await stub.DescribeAgent(pb.DescribeAgentRequest(agent="desk"))
    assert described.settings.ListFields() == []


async def test_the_agents_of_a_folder_are_served_under_their_names(tmp_path: Path) -> None:
    write(tmp_path / "one", "name: quick")
    write(tmp_path / "two", "name: desk")
    async with running(service_settings(tmp_path)) as up:
        assert up.agents == ("desk", "quick")


@pytest.mark.parametrize(("word", "number"), [("supersede", 1), ("join", 2), ("reject", 3)])
async def test_every_choice_for_an_open_session_has_its_number(tmp_path: Path, word: str, number: int) -> None:
    write(tmp_path / "desk", f"on_open_session: {word}")
    async with serving(tmp_path) as stub:
        described = await stub.DescribeAgent(pb.DescribeAgentRequest(agent="desk"))
    assert described.settings.on_open_session == number


async def test_agents_that_cannot_be_served_stop_the_start_with_all_their_problems(tmp_path: Path) -> None:
    write(tmp_path / "desk", "greting: greet\ngrace: 2d", "x = 1")
    write(tmp_path / "shop", "turn_limit: many")
    with pytest.raises(SettingsError) as caught:
        async with running(service_settings(tmp_path)):
            pass
    for problem in (
        "desk/agent.yaml: greting is not a key",
        'desk/agent.yaml: grace must be from "1m" to "24h"',
        "shop/agent.yaml: turn_limit must be a whole number from 1 to 1000, or 0 for no limit",
    ):
        assert problem in str(caught.value)


async def test_an_agent_whose_code_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    write(tmp_path / "desk", "name: desk", "x = 1")
    with pytest.raises(SettingsError, match=r"defines no respond\(conv, message\): add it"):
        async with running(service_settings(tmp_path)):
            pass
