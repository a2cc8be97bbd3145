"""How the session service calls agents: what is asked, what counts as an attempt, and what an answer must be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2
from parley.channel.v1 import channel_pb2
from parley_chassis.settings import ProcessSettings
from parley_session.adapters.agent_client import GrpcAgents
from parley_session.domain.effects import RunTurn
from parley_session.domain.events import Answer
from parley_session.domain.thread import AgentSettings, EndReason, Greeting, Session, Text, Thread, Turn, TurnKind
from parley_session.ports import AgentAway, AgentFailed, HistoryItem
from tests.contract.session.scripted_agent import (
    DEVELOPMENT,
    Refusal,
    Request,
    Response,
    ScriptedAgent,
    agent_running,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Frames: TypeAlias = AsyncIterator[agent_pb2.RunTurnsRequest]

AWAY = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED]
FAILED = [code for code in grpc.StatusCode if code not in (*AWAY, grpc.StatusCode.OK)]


def a_run(
    turn_id: str = "turn",
    kind: TurnKind = TurnKind.MESSAGE,
    *,
    fence: int = 1,
    agent: str = "echo",
    state: str = '{"n":1}',
    settings: AgentSettings = AgentSettings(),  # noqa: B008, frozen
    end_reason: EndReason | None = None,
) -> RunTurn:
    thread = Thread("thread", 1, "+15550100", "+15550111")
    session = Session("session", agent, settings, 1, started=True, state=state, end_reason=end_reason)
    turn = Turn(turn_id, "session", kind, NOW, claimed=True, fence=fence, traceparent="00-trace")
    texts = () if kind is TurnKind.END else (Text(1, "one", ("https://media/1",)), Text(2, "two"))
    return RunTurn(thread, session, turn, texts)


@asynccontextmanager
async def calling(*addresses: str, timeout: float = 5.0, **named: str) -> AsyncIterator[GrpcAgents]:
    """Agents at `addresses` for any name, and at those of `named`."""
    places: dict[str, tuple[str, ...]] = {name: (address,) for name, address in named.items()}
    if addresses:
        places["*"] = addresses
    agents = GrpcAgents(places, DEVELOPMENT, timeout)
    try:
        yield agents
    finally:
        await agents.close()


@pytest.fixture
async def agent() -> ScriptedAgent:
    return ScriptedAgent()


@pytest.fixture(params=["stream", "unary"])
async def agents(agent: ScriptedAgent, request: pytest.FixtureRequest) -> AsyncIterator[GrpcAgents]:
    agent.streams = request.param == "stream"
    async with agent_running(agent) as address, calling(address) as agents:
        yield agents


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
    await agents.run_turn(a_run(kind=TurnKind.START, settings=AgentSettings(greeting=greeting)), [])
    start = agent.requests[0].start
    assert (start.greet, start.answer) == (greet, answer)
    assert [text.text for text in start.texts] == ["one", "two"]


async def test_an_end_says_why(agents: GrpcAgents, agent: ScriptedAgent) -> None:
    await agents.run_turn(a_run(kind=TurnKind.END, end_reason=EndReason.ENDED_BY_AGENT), [])
    assert agent.requests[0].WhichOneof("event") == "end"
    assert agent.requests[0].end.reason == "ENDED_BY_AGENT"


async def test_the_answer_is_that_of_the_turn(agents: GrpcAgents, agent: ScriptedAgent) -> None:
    agent.respond = _saying(Response(replies=["a", "b"], state='{"n":2}', hang_up=True))
    assert await agents.run_turn(a_run(fence=7), []) == Answer("turn", 7, ("a", "b"), '{"n":2}', True)


@pytest.mark.parametrize("code", AWAY)
async def test_an_agent_is_away(agents: GrpcAgents, agent: ScriptedAgent, code: grpc.StatusCode) -> None:
    agent.respond = _refusing(code)
    with pytest.raises(AgentAway):
        await agents.run_turn(a_run(), [])


@pytest.mark.parametrize("code", FAILED)
async def test_an_agent_has_failed(agents: GrpcAgents, agent: ScriptedAgent, code: grpc.StatusCode) -> None:
    agent.respond = _refusing(code)
    with pytest.raises(AgentFailed):
        await agents.run_turn(a_run(), [])


@pytest.mark.parametrize("state", ["x" * (64 * 1024 + 1), "é" * (32 * 1024 + 1), '{"a":"\x00"}'])
async def test_a_state_that_cannot_be_kept_is_a_failure(agents: GrpcAgents, agent: ScriptedAgent, state: str) -> None:
    agent.respond = _saying(Response(replies=["hello"], state=state))
    with pytest.raises(AgentFailed):
        await agents.run_turn(a_run(), [])


async def test_a_state_of_64_kib_is_kept(agents: GrpcAgents, agent: ScriptedAgent) -> None:
    agent.respond = _saying(Response(state="x" * 64 * 1024))
    assert len((await agents.run_turn(a_run(), [])).state) == 64 * 1024


async def test_a_turn_that_takes_too_long_has_failed(agent: ScriptedAgent) -> None:
    agent.streams = False
    agent.respond = _never
    async with agent_running(agent) as address, calling(address, timeout=0.2) as agents:
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run(), [])


async def test_on_a_stream_too_and_the_others_go_on(agent: ScriptedAgent) -> None:
    """The agent server keeps the deadline itself; it is outwaited by a second."""

    async def respond(request: Request) -> Response:
        return await _never(request) if request.turn_id == "slow" else Response(replies=["quick"])

    agent.respond = respond
    async with agent_running(agent) as address, calling(address, timeout=0.2) as agents:
        slow = asyncio.create_task(agents.run_turn(a_run("slow"), []))
        assert (await agents.run_turn(a_run("quick"), [])).replies == ("quick",)
        with pytest.raises(AgentFailed):
            await slow
        assert (await agents.run_turn(a_run("later"), [])).replies == ("quick",)


async def test_turns_that_come_together_go_in_few_frames_and_each_gets_its_own_answer(agent: ScriptedAgent) -> None:
    agent.respond = _naming_itself
    async with agent_running(agent) as address, calling(address) as agents:
        answers = await asyncio.gather(*(agents.run_turn(a_run(f"turn {n}"), []) for n in range(300)))
    assert [answer.replies for answer in answers] == [(f"turn {n}",) for n in range(300)]
    assert len(agent.frames) <= 10
    assert max(agent.frames) <= 100


async def test_a_frame_holds_no_more_than_an_agent_server_takes(agent: ScriptedAgent) -> None:
    agent.respond = _naming_itself
    state = "x" * 64 * 1024
    async with agent_running(agent) as address, calling(address) as agents:
        runs = [a_run(f"turn {n}", state=state) for n in range(100)]
        answers = await asyncio.gather(*(agents.run_turn(run, []) for run in runs))
    assert [answer.replies for answer in answers] == [(f"turn {n}",) for n in range(100)]
    assert max(agent.frames) <= 8


async def test_a_turn_that_nobody_waits_for_any_more_is_not_sent(agent: ScriptedAgent) -> None:
    async with agent_running(agent) as address, calling(address) as agents:
        given_up = asyncio.create_task(agents.run_turn(a_run("given up"), []))
        wanted = asyncio.create_task(agents.run_turn(a_run("wanted"), []))
        await asyncio.sleep(0)
        given_up.cancel()
        await wanted
    assert [request.turn_id for request in agent.requests] == ["wanted"]


async def test_two_attempts_at_one_turn_are_told_apart(agent: ScriptedAgent) -> None:
    released = asyncio.Event()

    async def respond(request: Request) -> Response:
        if request.fence == 1:
            await released.wait()
        return Response(replies=[f"fence {request.fence}"])

    agent.respond = respond
    async with agent_running(agent) as address, calling(address) as agents:
        first = asyncio.create_task(agents.run_turn(a_run(fence=1), []))
        second = await agents.run_turn(a_run(fence=2), [])
        released.set()
        assert (await first).replies == ("fence 1",)
    assert second.replies == ("fence 2",)


async def test_a_server_that_is_not_there_is_away(dead_address: str) -> None:
    async with calling(dead_address) as agents:
        with pytest.raises(AgentAway):
            await agents.run_turn(a_run(), [])
        with pytest.raises(AgentAway):
            await agents.describe("echo")


async def test_a_stream_that_breaks_after_a_turn_was_written_has_failed_it() -> None:
    """The agent may have begun: that is an attempt."""

    async def break_off(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        await anext(aiter(frames))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        yield agent_pb2.RunTurnsResponse()

    async with agent_running(_with_stream(break_off)) as address, calling(address) as agents:
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run(), [])


async def test_a_stream_that_ends_without_an_outcome_has_failed_its_turns() -> None:
    async def end(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        await anext(aiter(frames))
        nothing: tuple[agent_pb2.RunTurnsResponse, ...] = ()
        for response in nothing:
            yield response

    async with agent_running(_with_stream(end)) as address, calling(address) as agents:
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run(), [])


async def test_an_outcome_that_says_nothing_is_a_failure() -> None:
    """Taken for an answer it would wipe out the session's state."""

    async def say_nothing(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        async for frame in frames:
            outcomes = [agent_pb2.TurnOutcome(turn_id=turn.turn_id, fence=turn.fence) for turn in frame.turns]
            yield agent_pb2.RunTurnsResponse(outcomes=outcomes)

    async with agent_running(_with_stream(say_nothing)) as address, calling(address) as agents:
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run(), [])


async def test_outcomes_of_turns_that_nobody_asked_for_are_passed_over() -> None:
    async def confuse(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        async for frame in frames:
            for turn in frame.turns:
                for fence in (turn.fence + 1, turn.fence, turn.fence):
                    outcome = agent_pb2.TurnOutcome(turn_id=turn.turn_id, fence=fence)
                    outcome.response.replies.append(f"fence {fence}")
                    yield agent_pb2.RunTurnsResponse(outcomes=[outcome])

    async with agent_running(_with_stream(confuse)) as address, calling(address) as agents:
        assert (await agents.run_turn(a_run(fence=1), [])).replies == ("fence 1",)


async def test_after_a_break_the_next_turn_opens_another_stream(agent: ScriptedAgent) -> None:
    async with calling_again(agent) as (agents, start, stop):
        await start()
        await agents.run_turn(a_run("one"), [])
        await stop()
        # What was on its way when the news came may have been delivered; what comes after it was not.
        while await _settled(agents.run_turn(a_run("two"), [])) != "away":
            pass
        await start()
        await agents.run_turn(a_run("three"), [])
    assert [request.turn_id for request in agent.requests] == ["one", "three"]


async def test_a_server_without_streams_is_called_turn_by_turn_from_then_on(agent: ScriptedAgent) -> None:
    agent.streams = False
    agent.respond = _naming_itself
    async with agent_running(agent) as address, calling(address) as agents:
        answers = await asyncio.gather(*(agents.run_turn(a_run(f"turn {n}"), []) for n in range(20)))
        assert [answer.replies for answer in answers] == [(f"turn {n}",) for n in range(20)]
        assert agent.unary == 20
        agent.streams = True
        await agents.run_turn(a_run("turn"), [])
        assert agent.unary == 21, "it has said that it serves none"
        await agents.describe("echo")
        await agents.run_turn(a_run("turn"), [])
        assert agent.unary == 21, "until it says that it does"


async def test_turns_are_spread_over_the_servers_of_an_agent(agent: ScriptedAgent) -> None:
    other = ScriptedAgent()
    async with agent_running(agent) as one, agent_running(other) as two, calling(one, two) as agents:
        await asyncio.gather(*(agents.run_turn(a_run(f"turn {n}"), []) for n in range(40)))
    assert len(agent.requests) == len(other.requests) == 20


async def test_a_server_that_is_away_is_passed_over_while_another_is_there(
    agent: ScriptedAgent, dead_address: str
) -> None:
    async with agent_running(agent) as address, calling(dead_address, address) as agents:
        results = [await _settled(agents.run_turn(a_run(f"turn {n}"), [])) for n in range(10)]
    assert results.count("away") == 1
    assert len(agent.requests) == 9


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


async def test_turns_under_way_end_when_the_client_closes(agent: ScriptedAgent) -> None:
    agent.respond = _never
    async with agent_running(agent) as address, calling(address) as agents:
        waiting = asyncio.create_task(_settled(agents.run_turn(a_run(), [])))
        async with asyncio.timeout(5):
            while not agent.requests:
                await asyncio.sleep(0.01)
        await agents.close()
        assert await waiting == "failed"


async def test_every_call_carries_the_key(agent: ScriptedAgent) -> None:
    process = ProcessSettings(insecure_dev=True, api_key="secret")
    async with agent_running(agent) as address:
        agents = GrpcAgents({"*": (address,)}, process, 5.0)
        await agents.describe("echo")
        await agents.close()
    assert agent.metadata[0]["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (agent_pb2.AgentSettings(), AgentSettings()),
        (
            agent_pb2.AgentSettings(
                greeting=agent_pb2.GREETING_GREET_AND_ANSWER,
                settle=Duration(seconds=1, nanos=500_000_000),
                fallback_text="oops",
            ),
            AgentSettings(Greeting.GREET_AND_ANSWER, timedelta(seconds=1.5), "oops"),
        ),
        (agent_pb2.AgentSettings(settle=Duration(seconds=60)), AgentSettings(settle=timedelta(seconds=5))),
        (agent_pb2.AgentSettings(settle=Duration(seconds=10**11)), AgentSettings(settle=timedelta(seconds=5))),
        (agent_pb2.AgentSettings(settle=Duration(seconds=-1)), AgentSettings()),
        (agent_pb2.AgentSettings(fallback_text=" \n"), AgentSettings()),
        (agent_pb2.AgentSettings(fallback_text="oo\x00ps"), AgentSettings(fallback_text="oo\ufffdps")),
        (agent_pb2.AgentSettings(greeting=17), AgentSettings()),  # type: ignore[arg-type]
    ],
)
async def test_what_an_agent_says_of_itself(
    agent: ScriptedAgent, settings: agent_pb2.AgentSettings, expected: AgentSettings
) -> None:
    """What makes no sense takes the default: a session must always have words for a failure."""
    agent.settings = settings
    async with agent_running(agent) as address, calling(address) as agents:
        description = await agents.describe("echo")
    assert (description.version, description.settings) == ("1", expected)


@pytest.fixture
async def dead_address() -> AsyncIterator[str]:
    """An address at which nobody listens; the port stays taken, so that nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


Step: TypeAlias = Callable[[], Awaitable[None]]


@asynccontextmanager
async def calling_again(agent: ScriptedAgent) -> AsyncIterator[tuple[GrpcAgents, Step, Step]]:
    """Agents at one address, and the steps that start and stop the server there."""
    async with agent_running(ScriptedAgent()) as address:
        pass
    server = None

    async def start() -> None:
        nonlocal server
        server = agent_running(agent, address)
        await server.__aenter__()

    async def stop() -> None:
        assert server
        await server.__aexit__(None, None, None)

    async with calling(address) as agents:
        yield agents, start, stop
    await stop()


async def _settled(turn: Awaitable[Answer]) -> str:
    try:
        await turn
    except AgentAway:
        return "away"
    except AgentFailed:
        return "failed"
    return "answered"


def _with_stream(run_turns: Callable[[Frames, Any], AsyncIterator[agent_pb2.RunTurnsResponse]]) -> ScriptedAgent:
    class OwnStream(ScriptedAgent):
        async def RunTurns(self, frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
            async for response in run_turns(frames, context):
                yield response

    return OwnStream()


def _saying(response: Response) -> Callable[[Request], Awaitable[Response]]:
    async def respond(_request: Request) -> Response:
        return response

    return respond


def _refusing(code: grpc.StatusCode) -> Callable[[Request], Awaitable[Response]]:
    async def respond(_request: Request) -> Response:
        raise Refusal(code)

    return respond


async def _naming_itself(request: Request) -> Response:
    return Response(replies=[request.turn_id])


async def _never(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
