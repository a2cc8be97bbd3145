"""How the session service calls agents: what is asked, what counts as an attempt, and what an answer must be."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2
from parley.channel.v1 import channel_pb2
from parley_chassis.settings import ProcessSettings
from parley_session.adapters.agent_client import GrpcAgents
from parley_session.domain.events import Answer
from parley_session.domain.settings import Greeting, SessionSettings
from parley_session.domain.thread import EndReason, TurnKind
from parley_session.ports import AgentAway, AgentFailed, HistoryItem
from tests.contract.session.calls import (
    AWAY,
    FAILED,
    a_run,
    calling,
    never,
    refusing,
    saying,
)
from tests.contract.session.scripted_agent import (
    Request,
    Response,
    ScriptedAgent,
    agent_running,
)


async def test_a_turn_carries_all_that_the_agent_needs(agents: GrpcAgents, agent: ScriptedAgent) -> None:
    await agents.run_turn(a_run(fence=3), [HistoryItem(1, "hello"), HistoryItem(2, "hi")])
    (request,) = agent.requests
    expected = Request(
        turn_id="turn",
        fence=3,
        session_id="session",
        agent="echo",
        channel=channel_pb2.CHANNEL_SMS,
        caller_number="+15550111",
        callee_number="+15550100",
        state='{"n":1}',
        history=[
            agent_pb2.HistoryItem(role=agent_pb2.ROLE_USER, text="hello"),
            agent_pb2.HistoryItem(role=agent_pb2.ROLE_AGENT, text="hi"),
        ],
        timeout=Duration(seconds=5),
        traceparent="00-trace",
        message=agent_pb2.Message(
            texts=[agent_pb2.Text(text="one", media_urls=["https://media/1"]), agent_pb2.Text(text="two")]
        ),
    )
    assert request == expected


@pytest.mark.parametrize(
    ("greeting", "greet", "answer"),
    [(Greeting.GREET, True, False), (Greeting.ANSWER, False, True), (Greeting.GREET_AND_ANSWER, True, True)],
)
async def test_a_start_says_what_is_wanted_of_it(
    agents: GrpcAgents, agent: ScriptedAgent, greeting: Greeting, greet: bool, answer: bool
) -> None:
    await agents.run_turn(a_run(kind=TurnKind.START, settings=SessionSettings(greeting=greeting)), [])
    start = agent.requests[0].start
    assert (start.greet, start.answer) == (greet, answer)
    assert [text.text for text in start.texts] == ["one", "two"]


async def test_an_end_says_why(agents: GrpcAgents, agent: ScriptedAgent) -> None:
    await agents.run_turn(a_run(kind=TurnKind.END, end_reason=EndReason.ENDED_BY_AGENT), [])
    assert agent.requests[0].WhichOneof("event") == "end"
    assert agent.requests[0].end.reason == "ENDED_BY_AGENT"


async def test_the_answer_is_that_of_the_turn(agents: GrpcAgents, agent: ScriptedAgent) -> None:
    agent.respond = saying(Response(replies=["a", "b"], state='{"n":2}', hang_up=True))
    assert await agents.run_turn(a_run(fence=7), []) == Answer("turn", 7, ("a", "b"), '{"n":2}', True)


@pytest.mark.parametrize("code", AWAY)
async def test_an_agent_is_away(agents: GrpcAgents, agent: ScriptedAgent, code: grpc.StatusCode) -> None:
    agent.respond = refusing(code)
    with pytest.raises(AgentAway):
        await agents.run_turn(a_run(), [])


@pytest.mark.parametrize("code", FAILED)
async def test_an_agent_has_failed(agents: GrpcAgents, agent: ScriptedAgent, code: grpc.StatusCode) -> None:
    agent.respond = refusing(code)
    with pytest.raises(AgentFailed):
        await agents.run_turn(a_run(), [])


@pytest.mark.parametrize("state", ["x" * (64 * 1024 + 1), "é" * (32 * 1024 + 1), '{"a":"\x00"}'])
async def test_a_state_that_cannot_be_kept_is_a_failure(agents: GrpcAgents, agent: ScriptedAgent, state: str) -> None:
    agent.respond = saying(Response(replies=["hello"], state=state))
    with pytest.raises(AgentFailed):
        await agents.run_turn(a_run(), [])


async def test_a_state_of_64_kib_is_kept(agents: GrpcAgents, agent: ScriptedAgent) -> None:
    agent.respond = saying(Response(state="x" * 64 * 1024))
    assert len((await agents.run_turn(a_run(), [])).state) == 64 * 1024


async def test_a_turn_that_takes_too_long_has_failed(agent: ScriptedAgent) -> None:
    agent.streams = False
    agent.respond = never
    async with agent_running(agent) as address, calling(address, timeout=0.2) as agents:
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run(), [])


async def test_on_a_stream_too_and_the_others_go_on(agent: ScriptedAgent) -> None:
    """The agent server keeps the deadline itself; it is outwaited by a second."""

    async def respond(request: Request) -> Response:
        return await never(request) if request.turn_id == "slow" else Response(replies=["quick"])

    agent.respond = respond
    async with agent_running(agent) as address, calling(address, timeout=0.2) as agents:
        slow = asyncio.create_task(agents.run_turn(a_run("slow"), []))
        assert (await agents.run_turn(a_run("quick"), [])).replies == ("quick",)
        with pytest.raises(AgentFailed):
            await slow
        assert (await agents.run_turn(a_run("later"), [])).replies == ("quick",)


async def test_an_agent_is_called_at_its_own_address_or_at_that_of_all(agent: ScriptedAgent) -> None:
    own = ScriptedAgent()
    async with agent_running(agent) as any_address, agent_running(own) as own_address:
        async with calling(any_address, desk=own_address) as agents:
            await agents.run_turn(a_run(agent="desk"), [])
            await agents.run_turn(a_run(agent="echo"), [])
        async with calling(desk=own_address) as agents:
            with pytest.raises(AgentAway):
                await agents.run_turn(a_run(agent="echo"), [])
    assert [request.agent for request in own.requests] == ["desk"]
    assert [request.agent for request in agent.requests] == ["echo"]


async def test_every_call_carries_the_key(agent: ScriptedAgent) -> None:
    process = ProcessSettings(insecure_dev=True, api_key="secret")
    async with agent_running(agent) as address:
        agents = GrpcAgents({"*": (address,)}, process, 5.0)
        await agents.describe("echo")
        await agents.close()
    assert agent.metadata[0]["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("settings", "wishes"),
    [
        (agent_pb2.AgentSettings(), {}),
        (
            agent_pb2.AgentSettings(
                greeting=agent_pb2.GREETING_GREET_AND_ANSWER,
                settle=Duration(seconds=1, nanos=500_000_000),
                fallback_text="oops",
                on_open_session=agent_pb2.ON_OPEN_SESSION_JOIN,
                closing_text="",
                inactive_after=Duration(),
                turn_limit=0,
            ),
            {
                "greeting": 3,
                "settle": 1.5,
                "fallback_text": "oops",
                "on_open_session": 2,
                "closing_text": "",
                "inactive_after": 0,
                "turn_limit": 0,
            },
        ),
    ],
)
async def test_what_an_agent_says_of_itself(
    agent: ScriptedAgent, settings: agent_pb2.AgentSettings, wishes: dict[str, object]
) -> None:
    agent.settings = settings
    async with agent_running(agent) as address, calling(address) as agents:
        description = await agents.describe("echo")
    assert (description.version, description.wishes) == ("1", wishes)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (agent_pb2.AgentSettings(settle=Duration(seconds=60)), "settle"),
        (agent_pb2.AgentSettings(settle=Duration(seconds=10**11)), "settle"),
        (agent_pb2.AgentSettings(settle=Duration(seconds=-1)), "settle"),
        (agent_pb2.AgentSettings(fallback_text=" \n"), "fallback_text"),
        (agent_pb2.AgentSettings(warning_text="oo\x00ps"), "warning_text"),
        (agent_pb2.AgentSettings(greeting=17), "greeting"),  # type: ignore[arg-type]
        (agent_pb2.AgentSettings(grace=Duration(seconds=1)), "grace"),
    ],
)
async def test_an_agent_that_wishes_for_the_impossible_is_not_described(
    agent: ScriptedAgent, settings: agent_pb2.AgentSettings, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    agent.settings = settings
    async with agent_running(agent) as address, calling(address) as agents:
        with pytest.raises(AgentFailed):
            await agents.describe("echo")
    assert [record.fields for record in caplog.records if record.msg == "agent_settings_invalid"] == [[field]]  # type: ignore[attr-defined]
