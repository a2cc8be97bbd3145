"""The stream of turns to an agent: frames, breaks, late outcomes, and servers that have none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from parley.agent.v1 import agent_pb2
from parley_session.ports import AgentAway, AgentFailed
from tests.contract.session.calls import (
    Frames,
    a_run,
    calling,
    calling_again,
    naming_itself,
    never,
    settled,
    with_stream,
)
from tests.contract.session.scripted_agent import (
    Request,
    Response,
    ScriptedAgent,
    agent_running,
)


async def test_turns_that_come_together_go_in_few_frames_and_each_gets_its_own_answer(agent: ScriptedAgent) -> None:
    agent.respond = naming_itself
    async with agent_running(agent) as address, calling(address) as agents:
        answers = await asyncio.gather(*(agents.run_turn(a_run(f"turn {n}"), []) for n in range(300)))
    assert [answer.replies for answer in answers] == [(f"turn {n}",) for n in range(300)]
    assert len(agent.frames) <= 10
    assert max(agent.frames) <= 100


async def test_a_frame_holds_no_more_than_an_agent_server_takes(agent: ScriptedAgent) -> None:
    agent.respond = naming_itself
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

    async with agent_running(with_stream(break_off)) as address, calling(address) as agents:
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run(), [])


async def test_a_stream_that_ends_without_an_outcome_has_failed_its_turns() -> None:
    async def end(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        await anext(aiter(frames))
        nothing: tuple[agent_pb2.RunTurnsResponse, ...] = ()
        for response in nothing:
            yield response

    async with agent_running(with_stream(end)) as address, calling(address) as agents:
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run(), [])


async def test_an_outcome_that_says_nothing_is_a_failure() -> None:
    """Taken for an answer it would wipe out the session's state."""

    async def say_nothing(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        async for frame in frames:
            outcomes = [agent_pb2.TurnOutcome(turn_id=turn.turn_id, fence=turn.fence) for turn in frame.turns]
            yield agent_pb2.RunTurnsResponse(outcomes=outcomes)

    async with agent_running(with_stream(say_nothing)) as address, calling(address) as agents:
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

    async with agent_running(with_stream(confuse)) as address, calling(address) as agents:
        assert (await agents.run_turn(a_run(fence=1), [])).replies == ("fence 1",)


async def test_after_a_break_the_next_turn_opens_another_stream(agent: ScriptedAgent) -> None:
    async with calling_again(agent) as (agents, start, stop):
        await start()
        await agents.run_turn(a_run("one"), [])
        await stop()
        # What was on its way when the news came may have been delivered; what comes after it was not.
        while await settled(agents.run_turn(a_run("two"), [])) != "away":
            pass
        await start()
        await agents.run_turn(a_run("three"), [])
    assert [request.turn_id for request in agent.requests] == ["one", "three"]


async def test_a_server_without_streams_is_called_turn_by_turn_from_then_on(agent: ScriptedAgent) -> None:
    agent.streams = False
    agent.respond = naming_itself
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


async def test_a_stream_that_ends_before_it_says_why_is_one_that_nobody_serves() -> None:
    """gRPC tells INTERNAL where the end of a call overtakes its UNIMPLEMENTED."""

    async def end_at_once(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        await anext(aiter(frames))
        await context.abort(grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 0")
        yield agent_pb2.RunTurnsResponse()

    agent = with_stream(end_at_once)
    async with agent_running(agent) as address, calling(address) as agents:
        await agents.run_turn(a_run(), [])
    assert agent.unary == 1


async def test_a_stream_that_has_served_and_ends_so_has_failed_its_turn() -> None:
    async def serve_one(frames: Frames, context: Any) -> AsyncIterator[agent_pb2.RunTurnsResponse]:
        async for frame in frames:
            for turn in frame.turns:
                if turn.turn_id == "second":
                    await context.abort(grpc.StatusCode.INTERNAL, "a fault")
                outcome = agent_pb2.TurnOutcome(turn_id=turn.turn_id, fence=turn.fence, response=Response(state="{}"))
                yield agent_pb2.RunTurnsResponse(outcomes=[outcome])

    agent = with_stream(serve_one)
    async with agent_running(agent) as address, calling(address) as agents:
        await agents.run_turn(a_run("first"), [])
        with pytest.raises(AgentFailed):
            await agents.run_turn(a_run("second"), [])
    assert agent.unary == 0


async def test_turns_are_spread_over_the_servers_of_an_agent(agent: ScriptedAgent) -> None:
    other = ScriptedAgent()
    async with agent_running(agent) as one, agent_running(other) as two, calling(one, two) as agents:
        await asyncio.gather(*(agents.run_turn(a_run(f"turn {n}"), []) for n in range(40)))
    assert len(agent.requests) == len(other.requests) == 20


async def test_a_server_that_is_away_is_passed_over_while_another_is_there(
    agent: ScriptedAgent, dead_address: str
) -> None:
    async with agent_running(agent) as address, calling(dead_address, address) as agents:
        results = [await settled(agents.run_turn(a_run(f"turn {n}"), [])) for n in range(10)]
    assert results.count("away") == 1
    assert len(agent.requests) == 9


async def test_turns_under_way_end_when_the_client_closes(agent: ScriptedAgent) -> None:
    agent.respond = never
    async with agent_running(agent) as address, calling(address) as agents:
        waiting = asyncio.create_task(settled(agents.run_turn(a_run(), [])))
        async with asyncio.timeout(30):
            while not agent.requests:
                await asyncio.sleep(0.01)
        await agents.close()
        assert await waiting == "failed"
