"""What callers ask of sessions over gRPC: each refusal with its status, reason and field; repeated calls; time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from parley.agent.v1 import agent_pb2
from parley.session.v1 import (
    clock_service_pb2,
    number_pb2,
    number_service_pb2,
    session_pb2,
    session_service_pb2,
)
from parley_chassis.errors import error_info
from parley_chassis.settings import ProcessSettings
from tests.contract.session.scripted_agent import ScriptedAgent, agent_running
from tests.databases import FreshDatabase
from tests.integration.session.replica import OURS, Rows, eventually, eventually_async
from tests.integration.session.services import Client, KeepingNotifier, Surroundings, notifier_running, service_running

ANNA, BEN = "+15550111", "+15550112"
ID = str(uuid4())
Session, Message = session_pb2.Session, session_pb2.Message
Code = grpc.StatusCode


@pytest.fixture(autouse=True)
async def registered(rows: Rows) -> None:
    await rows.register()


async def start(client: Client, **fields: Any) -> session_service_pb2.StartSessionResponse:
    wanted: dict[str, Any] = {"request_id": "R1", "agent": "echo", "participant": ANNA, "text": "We are here"}
    return await client.sessions.StartSession(session_service_pb2.StartSessionRequest(**wanted | fields))


async def send(client: Client, session_id: str, **fields: Any) -> session_service_pb2.SendMessageResponse:
    wanted: dict[str, Any] = {"request_id": "P1", "session_id": session_id, "text": "A person here"}
    return await client.sessions.SendMessage(session_service_pb2.SendMessageRequest(**wanted | fields))


async def end(client: Client, session_id: str) -> session_pb2.Session:
    request = session_service_pb2.EndSessionRequest(session_id=session_id)
    return (await client.sessions.EndSession(request)).session


async def hand_off(client: Client, session_id: str, **fields: Any) -> session_pb2.Session:
    request = session_service_pb2.HandOffSessionRequest(session_id=session_id, **fields)
    return (await client.sessions.HandOffSession(request)).session


async def resume(client: Client, session_id: str) -> session_pb2.Session:
    request = session_service_pb2.ResumeSessionRequest(session_id=session_id)
    return (await client.sessions.ResumeSession(request)).session


async def time_out(client: Client, **fields: Any) -> session_service_pb2.TimeOutSessionsResponse:
    return await client.sessions.TimeOutSessions(session_service_pb2.TimeOutSessionsRequest(**fields))


async def skip(client: Client, **fields: Any) -> clock_service_pb2.SkipTimeResponse:
    return await client.clock.SkipTime(clock_service_pb2.SkipTimeRequest(duration=Duration(**fields)))


async def update_number(client: Client, *paths: str, **fields: Any) -> number_pb2.Number:
    request = number_service_pb2.UpdateNumberRequest(number=number_pb2.Number(**{"number": OURS} | fields))
    request.update_mask.paths.extend(paths)
    return (await client.numbers.UpdateNumber(request)).number


async def transcript(client: Client, session_id: str) -> list[session_pb2.Message]:
    request = session_service_pb2.ListMessagesRequest(session_id=session_id)
    return list((await client.sessions.ListMessages(request)).messages)


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, str]:
    """Status, reason and field."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_info(caught.value)
    assert info is not None
    return caught.value.code(), info.reason, info.metadata.get("field", "")


BAD_CALLS: dict[str, tuple[Callable[[Client], Any], str]] = {
    "a start without a request id": (lambda c: start(c, request_id=""), "request_id"),
    "a start with a long request id": (lambda c: start(c, request_id="x" * 201), "request_id"),
    "a start of no agent": (lambda c: start(c, agent=""), "agent"),
    "a start of any agent": (lambda c: start(c, agent="*"), "agent"),
    "a start to nobody": (lambda c: start(c, participant=""), "participant"),
    "a start to a short code": (lambda c: start(c, participant="12345"), "participant"),
    "a start without a text": (lambda c: start(c, text=" \n"), "text"),
    "a start with a long text": (lambda c: start(c, text="x" * 1601), "text"),
    "a start from a name": (lambda c: start(c, endpoint="Parley"), "endpoint"),
    "a text to no session": (lambda c: send(c, ""), "session_id"),
    "a text without a request id": (lambda c: send(c, ID, request_id=""), "request_id"),
    "an empty text": (lambda c: send(c, ID, text=""), "text"),
    "a text that is too long": (lambda c: send(c, ID, text="x" * 1601), "text"),
    "an end of no session": (lambda c: end(c, "x"), "session_id"),
    "a hand-off of no session": (lambda c: hand_off(c, "x"), "session_id"),
    "a long destination": (lambda c: hand_off(c, ID, destination="x" * 201), "destination"),
    "a reason that cannot be stored": (lambda c: hand_off(c, ID, reason="\x00"), "reason"),
    "a resumption of no session": (lambda c: resume(c, ""), "session_id"),
    "time-outs of none": (lambda c: time_out(c), "limit"),
    "time-outs of too many": (lambda c: time_out(c, limit=1001), "limit"),
    "time that goes back": (lambda c: skip(c, seconds=-1), "duration"),
    "more than a year at once": (lambda c: skip(c, seconds=401 * 86400), "duration"),
    "a time beyond all": (lambda c: skip(c, seconds=2**62), "duration"),
    "a mask of no field": (lambda c: update_number(c, "color"), "update_mask"),
    "keywords of the future": (lambda c: update_number(c, "keywords", keywords=9), "number.keywords"),
    "a scope that cannot be stored": (
        lambda c: update_number(c, opt_out_scope="\x00", agent="echo"),
        "number.opt_out_scope",
    ),
    "a scope that the notifier would not take": (
        lambda c: update_number(c, opt_out_scope="my pool", agent="echo"),
        "number.opt_out_scope",
    ),
    "silence of a second": (
        lambda c: update_number(c, "settings", settings=agent_pb2.AgentSettings(inactive_after=Duration(seconds=1))),
        "number.settings.inactive_after",
    ),
    "an empty warning": (
        lambda c: update_number(c, "settings", settings=agent_pb2.AgentSettings(warning_text=" ")),
        "number.settings.warning_text",
    ),
    "more texts than can be counted": (
        lambda c: update_number(c, "settings", settings=agent_pb2.AgentSettings(text_limit=1001)),
        "number.settings.text_limit",
    ),
}


async def test_each_bad_request_is_answered_with_its_field(client: Client, rows: Rows) -> None:
    for name, (call, field) in BAD_CALLS.items():
        assert await refusal(call(client)) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field), name
    assert await rows.one("SELECT count(*) FROM session.threads") == 0


async def test_a_started_session_is_shown_as_ours_and_its_text_as_opening(client: Client) -> None:
    started = await start(client)
    session = (
        await client.sessions.GetSession(session_service_pb2.GetSessionRequest(session_id=started.session_id))
    ).session
    assert (session.outbound, session.engaged, session.state) == (True, False, Session.STATE_OPEN)
    assert (session.endpoint, session.participant, session.agent) == (OURS, ANNA, "echo")
    (message,) = await transcript(client, started.session_id)
    assert (message.message_id, message.kind, message.text) == (started.message_id, Message.KIND_OPENING, "We are here")
    assert message.delivery_state == session_pb2.DELIVERY_STATE_PENDING


async def test_a_start_that_is_repeated_gives_its_answer_again(client: Client, notifier: KeepingNotifier) -> None:
    first, *again = await asyncio.gather(*(start(client) for _ in range(8)))
    assert {(one.session_id, one.message_id) for one in again} == {(first.session_id, first.message_id)}
    assert await start(client) == first
    await eventually(lambda: notifier.texts == ["We are here"])
    assert await refusal(start(client, text="Otherwise")) == (Code.ALREADY_EXISTS, "REQUEST_CONFLICT", "request_id")
    assert await refusal(start(client, participant=BEN)) == (Code.ALREADY_EXISTS, "REQUEST_CONFLICT", "request_id")


async def test_starts_that_come_together_are_taken_each(client: Client, notifier: KeepingNotifier) -> None:
    people = [f"+1666{n:07d}" for n in range(60)]
    started = await asyncio.gather(*(start(client, request_id=one, participant=one) for one in people))
    assert len({one.session_id for one in started}) == 60
    await eventually(lambda: sorted(notifier.threads) == people)


async def test_a_start_without_a_number_that_can_send_is_not_found(client: Client) -> None:
    assert await refusal(start(client, agent="desk")) == (Code.NOT_FOUND, "NO_NUMBER", "agent")
    await update_number(client, "sending_paused", sending_paused=True)
    assert await refusal(start(client)) == (Code.NOT_FOUND, "NO_NUMBER", "agent")
    await update_number(client, "sending_paused", sending_paused=False)
    await start(client)


async def test_a_start_is_refused_where_the_thread_forbids_it(client: Client) -> None:
    await update_number(
        client, "settings", settings=agent_pb2.AgentSettings(on_open_session=agent_pb2.ON_OPEN_SESSION_REJECT)
    )
    await start(client)
    assert await refusal(start(client, request_id="R2")) == (Code.FAILED_PRECONDITION, "OPEN_SESSION", "")
    await client.send(BEN, "STOP")
    assert (await refusal(start(client, request_id="R3", participant=BEN)))[:2] == (
        Code.FAILED_PRECONDITION,
        "OPTED_OUT",
    )


async def test_a_person_takes_writes_gives_back_and_ends(client: Client, notifier: KeepingNotifier) -> None:
    session_id = (await start(client)).session_id
    taken = await hand_off(client, session_id, destination="desk", reason="asked for")
    assert (taken.state, taken.hand_off_destination, taken.hand_off_reason) == (
        Session.STATE_HANDED_OFF,
        "desk",
        "asked for",
    )
    sent = await send(client, session_id)
    assert await send(client, session_id) == sent
    assert await refusal(send(client, session_id, text="Otherwise")) == (
        Code.ALREADY_EXISTS,
        "REQUEST_CONFLICT",
        "request_id",
    )
    (received,) = await client.send(ANNA, "to a person")
    assert received.outcome == session_pb2.ReceiveResult.OUTCOME_IGNORED
    assert (await resume(client, session_id)).state == Session.STATE_OPEN
    await client.send(ANNA, "to the agent")
    await eventually(lambda: notifier.texts == ["We are here", "A person here", "echo to the agent"])

    ended = await end(client, session_id)
    assert (ended.state, ended.end_reason) == (Session.STATE_ENDED, Session.END_REASON_ENDED_BY_REQUEST)
    assert await end(client, session_id) == ended
    shown = [(message.kind, message.ignore_reason) for message in await transcript(client, session_id)]
    assert shown == [
        (Message.KIND_OPENING, ""),
        (Message.KIND_PERSON, ""),
        (Message.KIND_UNSPECIFIED, "handed_off"),
        (Message.KIND_UNSPECIFIED, ""),
        (Message.KIND_REPLY, ""),
    ]
    for call in (send(client, session_id, request_id="P2"), hand_off(client, session_id), resume(client, session_id)):
        assert (await refusal(call))[:2] == (Code.FAILED_PRECONDITION, "SESSION_ENDED")


async def test_what_is_asked_of_an_unknown_session_is_not_found(client: Client) -> None:
    for call in (send(client, ID), end(client, ID), hand_off(client, ID), resume(client, ID)):
        assert await refusal(call) == (Code.NOT_FOUND, "SESSION_NOT_FOUND", "session_id")


async def test_a_stop_reaches_the_notifier_with_what_must_not_be_sent(
    client: Client, notifier: KeepingNotifier
) -> None:
    started = await start(client)
    await eventually(lambda: len(notifier.submissions) == 1)
    stop = client.message(ANNA, "STOP")
    stop.receive_time.FromSeconds(1_700_000_000)
    await client.receive(stop)
    await eventually(lambda: len(notifier.submissions) == 2)
    (told,) = notifier.opt_outs
    assert (told.scope, told.participant, told.opted_out, told.event_time.seconds) == (OURS, ANNA, True, 1_700_000_000)
    assert [(s.message_id, s.canceled) for s in notifier.submissions] == [
        (started.message_id, False),
        (started.message_id, True),
    ]


async def test_a_stop_is_told_to_a_notifier_that_was_away(
    client: Client, notifier: KeepingNotifier, rows: Rows
) -> None:
    notifier.away = True
    await client.send(ANNA, "STOP")
    notifier.away = False
    assert notifier.opt_outs == []
    await rows.all("UPDATE session.opt_outs SET next_submit_time = clock_timestamp()")
    await eventually(lambda: len(notifier.opt_outs) > 0)

    async def is_done() -> bool:
        return await rows.one("SELECT count(*) FROM session.opt_outs WHERE next_submit_time IS NOT NULL") == 0

    await eventually_async(is_done)


async def test_ignored_texts_are_said_to_be_and_shown_with_their_reason(
    client: Client, notifier: KeepingNotifier
) -> None:
    await update_number(client, "settings", settings=agent_pb2.AgentSettings(text_limit=1))
    first, over, keyword = await client.send(ANNA, "hello", "one too many", "HELP")
    assert [one.outcome for one in (first, over, keyword)] == [1, 3, 3]
    await eventually(lambda: notifier.texts == ["echo hello"])
    (session,) = (await client.sessions.ListSessions(session_service_pb2.ListSessionsRequest())).sessions
    shown = {message.text: message.ignore_reason for message in await transcript(client, session.session_id)}
    assert shown == {"hello": "", "one too many": "text_limit", "HELP": "help", "echo hello": ""}


# ---- the number's register


async def test_a_number_keeps_what_the_mask_does_not_name(client: Client) -> None:
    wishes = agent_pb2.AgentSettings(closing_text="", grace=Duration(seconds=120, nanos=500_000_000), text_limit=0)
    full = await update_number(
        client,
        agent="desk",
        settings=wishes,
        keywords=number_pb2.KEYWORDS_ADVANCED,
        opt_out_scope="MG1",
        sending_paused=True,
        ingest_from=Timestamp(seconds=1_000),
    )
    assert full.settings == wishes, "a wish for nothing is a wish too"
    assert (full.keywords, full.opt_out_scope, full.sending_paused) == (number_pb2.KEYWORDS_ADVANCED, "MG1", True)
    assert full.ingest_from.seconds == 1_000
    changed = await update_number(client, "sending_paused")
    full.sending_paused = False
    full.update_time.CopyFrom(changed.update_time)
    assert changed == full
    request = number_service_pb2.GetNumberRequest(number=OURS)
    assert (await client.numbers.GetNumber(request)).number == changed


async def test_a_number_that_is_deleted_takes_no_texts_any_more(client: Client) -> None:
    await client.numbers.DeleteNumber(number_service_pb2.DeleteNumberRequest(number=OURS))
    (received,) = await client.send(ANNA, "hello")
    assert received.outcome == session_pb2.ReceiveResult.OUTCOME_UNKNOWN_NUMBER
    request = number_service_pb2.GetNumberRequest(number=OURS)
    assert (await refusal(client.numbers.GetNumber(request)))[:2] == (Code.NOT_FOUND, "NUMBER_NOT_FOUND")


# ---- silence


@pytest.fixture
async def skipping(database: FreshDatabase, notifier: KeepingNotifier) -> AsyncIterator[Client]:
    """A service whose clock may be moved."""
    async with agent_running(ScriptedAgent()) as agent, notifier_running(notifier) as address:
        around = Surroundings(database.session_url, {"*": (agent,)}, address)
        process = ProcessSettings(insecure_dev=True, test_clock=True)
        async with service_running(around, process=process) as client:
            yield client


async def test_the_clock_cannot_be_moved_but_for_tests(client: Client, rows: Rows) -> None:
    for seconds in (0, 86_400):
        assert (await refusal(skip(client, seconds=seconds)))[:2] == (Code.FAILED_PRECONDITION, "CLOCK_FIXED")
    assert await rows.one("SELECT count(*) FROM session.clock") == 0


async def test_a_silent_session_is_warned_and_ended_over_the_api(skipping: Client, notifier: KeepingNotifier) -> None:
    await skipping.send(ANNA, "hello")
    await eventually(lambda: len(notifier.texts) == 1)
    assert (await time_out(skipping, limit=10)).decided == 0
    told = await skip(skipping, seconds=86_400)
    looked = await time_out(skipping, limit=10)
    assert looked.decided == 1
    assert looked.now.ToNanoseconds() >= told.now.ToNanoseconds()
    await eventually(lambda: len(notifier.texts) == 2)
    record = session_pb2.DeliveryRecord(
        message_id=notifier.submissions[1].message_id, state=session_pb2.DELIVERY_STATE_ACCEPTED
    )
    await skipping.sessions.RecordDeliveries(session_service_pb2.RecordDeliveriesRequest(records=[record]))

    await skip(skipping, seconds=600)
    waiting = await time_out(skipping, limit=10)
    assert waiting.decided == 0
    assert waiting.HasField("awaited_coverage")
    assert waiting.awaited_coverage.ToNanoseconds() <= waiting.now.ToNanoseconds()
    assert (await time_out(skipping, limit=10, covered_time=waiting.now)).decided == 1
    assert not (await time_out(skipping, limit=10, covered_time=waiting.now)).HasField("awaited_coverage")
    (session,) = (await skipping.sessions.ListSessions(session_service_pb2.ListSessionsRequest())).sessions
    assert session.end_reason == Session.END_REASON_INACTIVE
    assert session.end_time.ToNanoseconds() >= waiting.now.ToNanoseconds(), "by the same clock"


@pytest.mark.parametrize("seconds", [-62_135_596_800, 253_402_300_799, 2**62, -(2**62)])
async def test_a_coverage_that_no_list_has_is_no_fault(client: Client, seconds: int) -> None:
    assert (await time_out(client, limit=1, covered_time=Timestamp(seconds=seconds))).decided == 0
