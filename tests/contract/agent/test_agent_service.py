"""The agent service as a session service sees it: real gRPC, real workers, the statuses of agent_service.proto."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from parley.agent.v1 import agent_pb2 as pb
from parley.agent.v1 import agent_service_pb2_grpc
from parley.channel.v1 import channel_pb2
from parley_agent.app import Running, running
from parley_agent.servicer import MAX_FRAME, Outcomes
from parley_agent.settings import Settings
from parley_chassis.errors import error_info
from parley_chassis.settings import ProcessSettings, load

DESK = """
import os, time

def start(conv):
    if conv.channel_type == "sms":
        conv.state.greet_message = "Hi, you've reached [Company]. How can I help?"

def respond(conv, message):
    word, _, rest = message.partition(" ")
    conv.state.count = (conv.state.count or 0) + 1
    if word == "hang": time.sleep(1000)
    if word == "sleep": time.sleep(float(rest))
    if word == "raise": raise ValueError(message)
    if word == "die": os._exit(1)
    if word == "big": return rest * 8000
    if word == "bye": return {"utterance": "Bye!", "hangup": True}
    if word == "person": return {"utterance": "Of course.", "handoff": {"destination": rest, "reason": "asked"}}
    if word == "anybody": return conv.call_handoff()
    if word == "environment": return " ".join(sorted(os.environ))
    if word == "who": return f"{conv.id} {conv.turn_id} {conv.channel_type} {conv.caller_number} {conv.callee_number}"
    if word == "history": return " ".join(item.role + ":" + item.text for item in conv.history)
    return f"{conv.state.count}: {message}"

def end(conv):
    conv.state.ended = conv.end_reason
    return "dropped"
"""
SETTINGS = """
name: desk
greeting: greet_and_answer
"""

Stub: TypeAlias = "agent_service_pb2_grpc.AgentServiceAsyncStub"
Code = grpc.StatusCode


def write(directory: Path, code: str, settings: str) -> None:
    directory.mkdir()
    (directory / "agent.py").write_text(dedent(code))
    (directory / "agent.yaml").write_text(settings)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    write(tmp_path / "desk", DESK, SETTINGS)
    write(tmp_path / "quick", DESK, "name: quick\nlimits: {turn_timeout: 200ms}")
    process = ProcessSettings(insecure_dev=True)
    settings = load(Settings, process=process, listen="127.0.0.1:0", directory=tmp_path, workers=2, queue=40)
    async with running(settings) as up:
        yield up


@pytest.fixture
async def stub(service: Running) -> AsyncIterator[Stub]:
    async with grpc.aio.insecure_channel(service.address) as channel:
        yield agent_service_pb2_grpc.AgentServiceStub(channel)


def request(number: int = 1, agent: str = "desk", seconds: float = 20.0) -> pb.RunTurnRequest:
    return pb.RunTurnRequest(
        turn_id=f"turn-{number}",
        fence=number * 10,
        session_id="session-1",
        agent=agent,
        channel=channel_pb2.CHANNEL_SMS,
        caller_number="+15005550006",
        callee_number="+15005550001",
        timeout=Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9)),
    )


def message(*texts: str, number: int = 1, agent: str = "desk", seconds: float = 20.0) -> pb.RunTurnRequest:
    made = request(number, agent, seconds)
    made.message.texts.extend(pb.Text(text=text) for text in texts)
    return made


def opening(*texts: str, greet: bool, answer: bool) -> pb.RunTurnRequest:
    made = request()
    made.start.CopyFrom(pb.Start(texts=[pb.Text(text=text) for text in texts], greet=greet, answer=answer))
    return made


async def exchanged(stub: Stub, frames: Sequence[Sequence[pb.RunTurnRequest]]) -> list[pb.RunTurnsResponse]:
    call = stub.RunTurns(pb.RunTurnsRequest(turns=turns) for turns in frames)
    async with asyncio.timeout(30):
        return [frame async for frame in call]


def outcomes(frames: Sequence[pb.RunTurnsResponse]) -> dict[str, pb.TurnOutcome]:
    return {outcome.turn_id: outcome for frame in frames for outcome in frame.outcomes}


GREETING = "Hi, you've reached [Company]. How can I help?"


@pytest.mark.parametrize(
    ("greet", "answer", "texts", "replies"),
    [
        (True, False, ["hi"], [GREETING]),
        (False, True, ["hi"], ["1: hi"]),
        (True, True, ["hi", "there"], [GREETING, "1: hi\nthere"]),
        (False, False, [], []),
        (False, True, [], []),
    ],
)
async def test_a_session_begins_with_what_is_asked_for(
    stub: Stub, greet: bool, answer: bool, texts: list[str], replies: list[str]
) -> None:
    response = await stub.RunTurn(opening(*texts, greet=greet, answer=answer))
    assert list(response.replies) == replies
    assert "greet_message" in response.state


async def test_the_state_goes_on_and_a_hang_up_is_told(stub: Stub) -> None:
    first = await stub.RunTurn(message("one"))
    again = message("two", "three")
    again.state = first.state
    second = await stub.RunTurn(again)
    assert (list(first.replies), list(second.replies)) == (["1: one"], ["2: two\nthree"])
    last = await stub.RunTurn(message("bye"))
    assert (list(last.replies), last.hang_up, second.hang_up) == (["Bye!"], True, False)


async def test_a_hand_off_is_told_and_one_without_words_too(stub: Stub) -> None:
    handed = await stub.RunTurn(message("person billing"))
    assert (list(handed.replies), handed.hang_up) == (["Of course."], False)
    assert handed.hand_off == pb.HandOff(destination="billing", reason="asked")
    (frame,) = await exchanged(stub, [[message("anybody")]])
    response = frame.outcomes[0].response
    assert response.HasField("hand_off")
    assert response.hand_off == pb.HandOff()
    assert not (await stub.RunTurn(message("hello"))).HasField("hand_off")


async def test_the_first_reply_to_an_outbound_text_is_answered_with_that_text_in_the_history(stub: Stub) -> None:
    first = opening("history", greet=False, answer=True)
    first.history.add(role=pb.ROLE_AGENT, text="Your car is ready.")
    response = await stub.RunTurn(first)
    assert list(response.replies) == ["agent:Your car is ready. user:history"]
    assert "greet_message" in response.state


async def test_the_history_and_the_session_reach_the_agent(stub: Stub) -> None:
    asked = message("history", "please")
    asked.history.extend(
        [pb.HistoryItem(role=pb.ROLE_USER, text="hi"), pb.HistoryItem(role=pb.ROLE_AGENT, text="yes?")]
    )
    asked.message.texts[0].text = "history "
    assert list((await stub.RunTurn(asked)).replies) == ["user:hi agent:yes? user:history  user:please"]
    who = await stub.RunTurn(message("who"))
    assert list(who.replies) == ["session-1 turn-1 sms +15005550006 +15005550001"]


async def test_an_agent_sees_no_secret_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "desk", DESK, SETTINGS)
    for name in ("PARLEY_API_KEY", "TWILIO_AUTH_TOKEN", "DATABASE_URL", "CRM_URL"):
        monkeypatch.setenv(name, "secret")
    process = ProcessSettings(insecure_dev=True)
    settings = load(Settings, process=process, listen="127.0.0.1:0", directory=tmp_path, environment="CRM_URL, CRM_KEY")
    async with running(settings) as up, grpc.aio.insecure_channel(up.address) as channel:
        response = await agent_service_pb2_grpc.AgentServiceStub(channel).RunTurn(message("environment"))
    seen = response.replies[0].split()
    assert {"PATH", "CRM_URL"} <= set(seen)
    assert not {"PARLEY_API_KEY", "TWILIO_AUTH_TOKEN", "DATABASE_URL"} & set(seen)


async def test_an_end_keeps_its_state_and_drops_its_replies(stub: Stub) -> None:
    ending = request()
    ending.end.reason = "INACTIVE"
    response = await stub.RunTurn(ending)
    assert (list(response.replies), response.state) == ([], '{"ended":"INACTIVE"}')


BAD = {
    "agent": pb.RunTurnRequest(agent=""),
    "turn_id": pb.RunTurnRequest(turn_id=""),
    "session_id": pb.RunTurnRequest(session_id=""),
    "channel": pb.RunTurnRequest(channel=channel_pb2.CHANNEL_VOICE),
    "timeout": pb.RunTurnRequest(timeout=Duration(seconds=-1)),
    "history": pb.RunTurnRequest(history=[pb.HistoryItem(text="hi")]),
    "event": pb.RunTurnRequest(),
    "message.texts": pb.RunTurnRequest(message=pb.Message()),
}


def spoilt(field: str) -> pb.RunTurnRequest:
    made = message("hi") if field != "event" else request()
    if field == "message.texts":
        made.message.Clear()
    for part in ("agent", "turn_id", "session_id", "channel", "timeout", "history"):
        if part == field:
            made.ClearField(part)
    made.MergeFrom(BAD[field])
    return made


@pytest.mark.parametrize("field", BAD)
async def test_a_request_that_lacks_something_is_refused_by_its_field(stub: Stub, field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RunTurn(spoilt(field))
    assert caught.value.code() == Code.INVALID_ARGUMENT
    info = error_info(caught.value)
    assert info is not None
    assert info.metadata["field"] == field


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (message("hi", agent="nobody"), Code.NOT_FOUND, "no agent of this name is served here"),
        (message("hang", seconds=0.2), Code.DEADLINE_EXCEEDED, "longer than its timeout"),
        (message("hang", agent="quick"), Code.DEADLINE_EXCEEDED, "longer than its timeout"),
        (message("raise my-secret"), Code.INTERNAL, "respond() raised ValueError at agent.py:13 in respond"),
        (message("die"), Code.INTERNAL, "ended its worker"),
    ],
    ids=["unknown", "late", "over the agent's own limit", "raises", "dies"],
)
async def test_a_turn_that_fails_has_the_same_status_alone_and_in_a_stream(
    stub: Stub, asked: pb.RunTurnRequest, code: Code, words: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RunTurn(asked)
    assert caught.value.code() == code
    assert words in str(caught.value.details())
    assert "secret" not in str(caught.value.details())
    (outcome,) = outcomes(await exchanged(stub, [[asked]])).values()
    assert (outcome.turn_id, outcome.fence) == (asked.turn_id, asked.fence)
    assert (outcome.error.code, outcome.error.message) == (code.value[0], caught.value.details())


async def test_a_stream_answers_every_turn_of_every_frame_once(stub: Stub) -> None:
    frames = [[message(f"hello {n}", number=n) for n in range(first, first + 10)] for first in range(0, 30, 10)]
    got = await exchanged(stub, frames)
    assert sorted(outcome.fence for frame in got for outcome in frame.outcomes) == [n * 10 for n in range(30)]
    for turn_id, outcome in outcomes(got).items():
        assert list(outcome.response.replies) == [f"1: hello {turn_id.removeprefix('turn-')}"]


async def test_one_bad_turn_leaves_the_others_of_its_frame_alone(stub: Stub) -> None:
    frame = [message("one", number=1), spoilt("event"), message("raise x", number=3), message("four", number=4)]
    frame[1].turn_id = "turn-2"
    got = outcomes(await exchanged(stub, [frame]))
    assert {turn_id: outcome.error.code for turn_id, outcome in got.items()} == {
        "turn-1": 0,
        "turn-2": Code.INVALID_ARGUMENT.value[0],
        "turn-3": Code.INTERNAL.value[0],
        "turn-4": 0,
    }


async def test_turns_come_back_as_they_finish(stub: Stub) -> None:
    call = stub.RunTurns()
    await call.write(pb.RunTurnsRequest(turns=[message("sleep 1", number=1), message("hi", number=2)]))
    async with asyncio.timeout(20):
        first = await call.read()
        await call.write(pb.RunTurnsRequest(turns=[message("hi", number=3)]))
        second = await call.read()
        assert isinstance(first, pb.RunTurnsResponse)
        assert isinstance(second, pb.RunTurnsResponse)
        assert [outcome.turn_id for outcome in [*first.outcomes, *second.outcomes]] == ["turn-2", "turn-3"]
        await call.done_writing()
        last = await call.read()
        assert isinstance(last, pb.RunTurnsResponse)
        assert [outcome.turn_id for outcome in last.outcomes] == ["turn-1"]
        assert await call.read() == grpc.aio.EOF


async def test_more_turns_than_may_wait_are_refused_as_exhausted(stub: Stub) -> None:
    frame = [message("sleep 0.01", number=n) for n in range(60)]
    codes = [outcome.error.code for outcome in outcomes(await exchanged(stub, [frame])).values()]
    assert sorted(set(codes)) == [0, Code.RESOURCE_EXHAUSTED.value[0]]
    assert codes.count(0) == 42


async def test_a_stream_that_is_broken_off_leaves_the_service_well(stub: Stub) -> None:
    call = stub.RunTurns()
    await call.write(pb.RunTurnsRequest(turns=[message("sleep 0.1", number=n) for n in range(20)]))
    call.cancel()
    response = await stub.RunTurn(message("hi", seconds=5))
    assert list(response.replies) == ["1: hi"]


async def test_a_frame_of_large_outcomes_is_cut(stub: Stub) -> None:
    frames = await exchanged(stub, [[message("big éé", number=n) for n in range(30)]])
    assert len(outcomes(frames)) == 30
    assert max(frame.ByteSize() for frame in frames) < MAX_FRAME + 1000


async def test_what_has_finished_together_is_one_frame_up_to_its_size() -> None:
    waiting = Outcomes()
    large = pb.RunTurnResponse(replies=["x" * (MAX_FRAME // 3)])
    for number in range(4):
        waiting.add(pb.TurnOutcome(turn_id=f"turn-{number}", response=large))
    waiting.no_more()
    sizes = []
    while frame := await waiting.next_frame():
        sizes.append(len(frame.outcomes))
    assert sizes == [2, 2]


async def test_one_outcome_larger_than_a_frame_still_goes() -> None:
    waiting = Outcomes()
    for number in range(2):
        response = pb.RunTurnResponse(replies=["x" * (MAX_FRAME + 1)])
        waiting.add(pb.TurnOutcome(turn_id=f"turn-{number}", response=response))
    waiting.no_more()
    sizes = []
    while frame := await waiting.next_frame():
        sizes.append(len(frame.outcomes))
    assert sizes == [1, 1]


async def test_stopping_answers_what_was_read_and_ends_the_stream(tmp_path: Path) -> None:
    write(tmp_path / "desk", DESK, SETTINGS)
    process = ProcessSettings(insecure_dev=True)
    settings = load(Settings, process=process, listen="127.0.0.1:0", directory=tmp_path, workers=1)
    async with running(settings) as up:
        channel = grpc.aio.insecure_channel(up.address)
        call = agent_service_pb2_grpc.AgentServiceStub(channel).RunTurns()
        await call.write(pb.RunTurnsRequest(turns=[message("one", number=1)]))
        assert await call.read() != grpc.aio.EOF
        await call.write(pb.RunTurnsRequest(turns=[message("sleep 0.3", number=2), message("three", number=3)]))
        # A frame after them, so that they have certainly been read when the service is told to stop.
        await call.write(pb.RunTurnsRequest(turns=[message("hi", number=4, agent="nobody")]))
        refused = await call.read()
        assert isinstance(refused, pb.RunTurnsResponse)
        reading = asyncio.ensure_future(_rest(call))
    assert sorted(await reading) == ["turn-2", "turn-3"]
    assert await call.code() == Code.OK
    await channel.close()


async def _rest(call: grpc.aio.StreamStreamCall[pb.RunTurnsRequest, pb.RunTurnsResponse]) -> list[str]:
    read: list[str] = []
    while isinstance(frame := await call.read(), pb.RunTurnsResponse):
        read += [outcome.turn_id for outcome in frame.outcomes]
    return read
