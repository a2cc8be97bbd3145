"""/v1/sessions and /v1/numbers: what is shown, what people can do, and what a key of another agent sees: nothing."""

import uuid
from typing import Any

import pytest

from parley.channel.v1 import channel_pb2
from parley.session.v1 import key_service_pb2, number_pb2, session_pb2
from parley_chassis.errors import FailedPrecondition, InvalidArgument
from parley_gateway.handlers import list_records
from tests.integration.gateway.api_peers import CANARY, OUR_NUMBER, THEIR_NUMBER, Message, Session
from tests.integration.gateway.api_side import OUTBOUND, TEXT, SharedApi, ask

READ, SEND = key_service_pb2.Key.SCOPE_READ, key_service_pb2.Key.SCOPE_SEND
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def got(shared: SharedApi, path: str, key: str = "") -> Any:
    answer = await ask(shared.url, path, key=key or shared.key)
    assert answer.status == 200, answer
    return answer.json


async def posted(shared: SharedApi, path: str, body: Any = None, **arguments: Any) -> Any:
    return await ask(shared.url, path, body, **{"key": shared.key, "method": "POST", **arguments})


# --- what is shown --------------------------------------------------------------------------------------------------


async def test_an_open_session_is_shown_whole(shared: SharedApi) -> None:
    session = shared.sessions.open_session(engaged=True)
    assert await got(shared, f"/v1/sessions/{session.session_id}") == {
        "session_id": session.session_id,
        "thread_id": session.thread_id,
        "channel": "sms",
        "endpoint": OUR_NUMBER,
        "participant": THEIR_NUMBER,
        "agent": "shop",
        "state": "open",
        "end_reason": None,
        "open_time": "2026-11-23T15:00:00.123456Z",
        "end_time": None,
        "outbound": False,
        "engaged": True,
        "hand_off_destination": None,
        "hand_off_reason": None,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": Session.STATE_HANDED_OFF}, ("handed_off", None)),
        ({"state": Session.STATE_ENDED, "end_reason": Session.END_REASON_ENDED_BY_AGENT}, ("ended", "ended_by_agent")),
        ({"state": Session.STATE_ENDED, "end_reason": Session.END_REASON_OPTED_OUT}, ("ended", "opted_out")),
        ({"state": Session.STATE_ENDED, "end_reason": Session.END_REASON_LOOP}, ("ended", "loop")),
        ({"state": 99, "end_reason": 99}, ("unknown", "unknown")),
    ],
)
async def test_states_and_reasons_are_words(
    shared: SharedApi, changes: dict[str, Any], words: tuple[str, str | None]
) -> None:
    shown = await got(shared, f"/v1/sessions/{shared.sessions.open_session(**changes).session_id}")
    assert (shown["state"], shown["end_reason"]) == words


def message_in(session: Session, time: str, **changes: Any) -> Message:
    message = Message(
        message_id=str(uuid.uuid4()), session_id=session.session_id, thread_id=session.thread_id, **changes
    )
    message.create_time.FromJsonString(time)
    return message


async def test_a_text_of_theirs_is_shown_with_why_it_was_ignored(shared: SharedApi) -> None:
    session = shared.sessions.open_session()
    media_urls = ["https://api.twilio.com/a"]
    stop = {"text": "STOP", "media_urls": media_urls, "ignore_reason": "stop"}
    message = message_in(session, "2026-11-23T15:00:00Z", position=1, direction=Message.DIRECTION_INBOUND, **stop)
    shared.sessions.messages.append(message)
    assert await got(shared, f"/v1/sessions/{session.session_id}/messages") == {
        "messages": [
            {
                "message_id": message.message_id,
                "session_id": session.session_id,
                "thread_id": session.thread_id,
                "position": 1,
                "direction": "inbound",
                "kind": None,
                "text": "STOP",
                "media_urls": media_urls,
                "create_time": "2026-11-23T15:00:00Z",
                "seq": None,
                "delivery_state": None,
                "delivery_error": None,
                "ignore_reason": "stop",
            }
        ],
        "next_page_token": "",
    }


async def test_a_text_of_ours_is_shown_with_what_became_of_it(shared: SharedApi) -> None:
    session = shared.sessions.open_session()
    message = message_in(
        session,
        "2026-11-23T15:00:01.5Z",
        position=2,
        seq=1,
        direction=Message.DIRECTION_OUTBOUND,
        kind=Message.KIND_PERSON,
        text="Grüße 👍",
        delivery_state=session_pb2.DELIVERY_STATE_UNDELIVERED,
        delivery_error=30003,
    )
    shared.sessions.messages.append(message)
    [shown] = (await got(shared, f"/v1/sessions/{session.session_id}/messages"))["messages"]
    assert (shown["position"], shown["seq"], shown["direction"], shown["kind"]) == (2, 1, "outbound", "person")
    assert (shown["text"], shown["create_time"]) == ("Grüße 👍", "2026-11-23T15:00:01.500000Z")
    assert (shown["delivery_state"], shown["delivery_error"]) == ("undelivered", 30003)
    assert (shown["media_urls"], shown["ignore_reason"]) == ([], None)


async def test_numbers_are_shown(shared: SharedApi) -> None:
    number = number_pb2.Number(
        number=OUR_NUMBER,
        agent="shop",
        keywords=number_pb2.KEYWORDS_ADVANCED,
        opt_out_scope="MG1",
        sending_paused=True,
        segments_per_second=2.5,
    )
    for time in (number.create_time, number.update_time, number.ingest_from):
        time.FromJsonString("2026-11-23T15:00:00Z")
    shared.sessions.numbers.numbers += [number, number_pb2.Number(number="+15550198", agent="shop")]
    shown = (await got(shared, "/v1/numbers"))["numbers"]
    assert shown[0] == {
        "number": OUR_NUMBER,
        "agent": "shop",
        "keywords": "advanced",
        "opt_out_scope": "MG1",
        "sending_paused": True,
        "ingest_from": "2026-11-23T15:00:00Z",
        "segments_per_second": 2.5,
        "create_time": "2026-11-23T15:00:00Z",
        "update_time": "2026-11-23T15:00:00Z",
    }
    assert (shown[1]["keywords"], shown[1]["opt_out_scope"], shown[1]["ingest_from"]) == ("provider", None, None)
    assert shown[1]["segments_per_second"] is None


async def test_sessions_come_page_by_page(shared: SharedApi) -> None:
    opened = [shared.sessions.open_session().session_id for _ in range(5)]
    seen: list[str] = []
    path, token = "/v1/sessions?page_size=2", ""
    while True:
        page = await got(shared, f"{path}&page_token={token}" if token else path)
        seen += [session["session_id"] for session in page["sessions"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == opened[::-1]
    assert [asked.page_size for asked in shared.sessions.requests] == [2, 2, 2]


async def test_sessions_are_found_by_participant_and_number(shared: SharedApi) -> None:
    other = shared.sessions.open_session(participant="+15550101", endpoint="+15550198")
    shared.sessions.open_session()
    for query in ("participant=%2B15550101", "endpoint=%2B15550198"):
        page = await got(shared, f"/v1/sessions?{query}")
        assert [session["session_id"] for session in page["sessions"]] == [other.session_id]
    assert shared.sessions.requests[0].page_size == 50


async def test_a_web_visitor_is_a_participant_too(shared: SharedApi) -> None:
    session = shared.sessions.open_session(
        channel=channel_pb2.CHANNEL_WEB_CHAT, participant="visitor-1", endpoint="shop"
    )
    page = await got(shared, "/v1/sessions?participant=visitor-1")
    assert [(one["session_id"], one["channel"]) for one in page["sessions"]] == [(session.session_id, "web_chat")]


# --- what people do -------------------------------------------------------------------------------------------------


async def test_a_person_writes_in_a_session(shared: SharedApi) -> None:
    session = shared.sessions.open_session()
    path = f"/v1/sessions/{session.session_id}/messages"
    for _ in range(2):
        answer = await posted(shared, path, {"text": "Ann here."}, headers={"Idempotency-Key": "1"})
        assert (answer.status, set(answer.json)) == (202, {"message_id"})
    assert (await posted(shared, path, {"text": "Ann here."})).status == 202
    first, again, third = shared.sessions.requests
    assert (first.session_id, first.text, len(first.traceparent)) == (session.session_id, "Ann here.", 55)
    assert first.request_id == again.request_id != third.request_id


async def test_a_session_is_handed_over_resumed_and_ended(shared: SharedApi) -> None:
    session = shared.sessions.open_session()
    path = f"/v1/sessions/{session.session_id}"
    answer = await posted(shared, f"{path}/hand-off", {"destination": "desk", "reason": "asked for a person"})
    assert (answer.status, answer.json["state"]) == (200, "handed_off")
    assert (answer.json["hand_off_destination"], answer.json["hand_off_reason"]) == ("desk", "asked for a person")
    assert (await posted(shared, f"{path}/resume")).json["state"] == "open"
    answer = await posted(shared, f"{path}/end", {})
    assert (answer.json["state"], answer.json["end_reason"]) == ("ended", "ended_by_request")
    assert answer.json["end_time"] == "2026-11-23T16:00:00Z"


async def test_a_hand_off_needs_no_words(shared: SharedApi) -> None:
    session = shared.sessions.open_session()
    bodies: tuple[Any, ...] = (None, {})
    for body in bodies:
        answer = await posted(shared, f"/v1/sessions/{session.session_id}/hand-off", body)
        assert (answer.status, answer.json["hand_off_reason"]) == (200, None)


@pytest.mark.parametrize("reason", ["OPTED_OUT", "SESSION_ENDED"])
async def test_what_cannot_be_sent_is_a_conflict(shared: SharedApi, reason: str) -> None:
    session = shared.sessions.open_session()
    shared.sessions.refuses_with = FailedPrecondition(CANARY, reason=reason)
    answer = await posted(shared, f"/v1/sessions/{session.session_id}/messages", {"text": "x"})
    assert answer.status == 409
    assert "canary" not in answer.detail


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/sessions?page_size=0", "page_size"),
        ("/v1/sessions?page_size=501", "page_size"),
        ("/v1/sessions?page_size=x", "page_size"),
        ("/v1/sessions?page_size=1.5", "page_size"),
        ("/v1/sessions?page_size=", "page_size"),
        (f"/v1/sessions?page_token={'x' * 201}", "page_token"),
        ("/v1/sessions?page_token=%00", "page_token"),
        ("/v1/sessions?participant=+15550100", "participant"),
        (f"/v1/sessions?participant={'1' * 201}", "participant"),
        ("/v1/sessions?endpoint=%00", "endpoint"),
        ("/v1/sessions?agent=shop", "agent"),
        ("/v1/numbers?page_size=0", "page_size"),
        ("/v1/numbers?participant=1", "participant"),
        ("/v1/sessions/1", "session_id"),
        ("/v1/sessions/x/messages", "session_id"),
        (f"/v1/sessions/{uuid.UUID(int=0)}/messages?page_size=0", "page_size"),
    ],
)
async def test_a_bad_question_is_told_the_field(shared: SharedApi, path: str, field: str) -> None:
    answer = await ask(shared.url, path, key=shared.key)
    assert (answer.status, answer.detail.partition(":")[0]) == (400, field)
    assert shared.sessions.requests == []


@pytest.mark.parametrize(
    ("action", "body", "begins"),
    [
        ("messages", {}, "text: is required"),
        ("messages", {"text": " "}, "text: write 1 to 1600"),
        ("messages", {"text": "x" * 1601}, "text: write 1 to 1600"),
        ("messages", {"message": "x"}, "text: is required"),
        ("messages", {"text": "x", "to": "y"}, "to: is not known"),
        ("messages", None, "the body: write a JSON object"),
        ("hand-off", {"destination": "x" * 201}, "destination: write at most 200"),
        ("hand-off", {"reason": "x" * 1001}, "reason: write at most 1000"),
        ("hand-off", {"reason": "\0"}, "reason: write at most 1000"),
        ("hand-off", {"to": "x"}, "to: is not known"),
        ("end", {"reason": "x"}, "reason: is not known"),
        ("resume", {"x": 1}, "x: is not known"),
        ("resume", [], "the body: write a JSON object"),
    ],
)
async def test_a_bad_action_is_told_the_field(shared: SharedApi, action: str, body: Any, begins: str) -> None:
    session = shared.sessions.open_session()
    answer = await posted(shared, f"/v1/sessions/{session.session_id}/{action}", body)
    assert (answer.status, answer.detail[: len(begins)]) == (400, begins)
    assert shared.sessions.requests == []


async def test_a_page_token_that_the_session_service_refuses_is_named(shared: SharedApi) -> None:
    shared.sessions.refuses_with = InvalidArgument(CANARY, field="page_token")
    answer = await ask(shared.url, "/v1/sessions?page_token=other", key=shared.key)
    assert (answer.status, answer.detail.partition(":")[0]) == (400, "page_token")


def paths(session_id: object, letter_id: object = uuid.UUID(int=0)) -> list[tuple[str, str, Any]]:
    """Every route of the API: method, path, body."""
    one = f"/v1/sessions/{session_id}"
    return [
        ("POST", OUTBOUND, TEXT),
        ("GET", "/v1/sessions", None),
        ("GET", one, None),
        ("GET", f"{one}/messages", None),
        ("POST", f"{one}/messages", {"text": "x"}),
        ("POST", f"{one}/end", None),
        ("POST", f"{one}/hand-off", None),
        ("POST", f"{one}/resume", None),
        ("GET", "/v1/numbers", None),
        ("GET", "/v1/dead-letters", None),
        ("POST", f"/v1/dead-letters/{letter_id}/retry", None),
        ("POST", f"/v1/dead-letters/{letter_id}/drop", None),
    ]


@pytest.mark.parametrize("scope", [READ, SEND])
async def test_a_key_opens_the_routes_of_its_scope_and_no_others(shared: SharedApi, scope: Any) -> None:
    session = shared.sessions.open_session()
    key = shared.sessions.keys.make(["shop"], [scope])
    letter = shared.sessions.dead_letters.bury()
    for method, path, body in paths(session.session_id, letter.message.message_id):
        shared.sessions.requests.clear()
        answer = await ask(shared.url, path, body, method=method, key=key)
        if (method == "GET") == (scope == READ):
            assert answer.status in (200, 202, 204), path
        else:
            assert (answer.status, len(shared.sessions.requests)) == (403, 0), path


async def test_a_key_without_a_known_scope_opens_nothing(shared: SharedApi) -> None:
    key = shared.sessions.keys.make([], [99])
    assert {(await ask(shared.url, path, body, method=m, key=key)).status for m, path, body in paths(1)} == {403}


async def test_without_a_key_there_is_nothing_to_see(shared: SharedApi) -> None:
    session = shared.sessions.open_session()
    for method, path, body in paths(session.session_id):
        assert (await ask(shared.url, path, body, method=method)).status == 401


async def test_a_session_that_is_not_there_is_not_found(shared: SharedApi) -> None:
    for method, path, body in paths(uuid.uuid4()):
        if "/sessions/" in path:
            answer = await ask(shared.url, path, body, method=method, key=shared.key)
            assert (answer.status, answer.detail) == (404, "no session has this session_id")


async def test_a_session_of_another_agent_is_as_if_it_were_not_there(shared: SharedApi) -> None:
    session = shared.sessions.open_session("shop")
    before = session.SerializeToString()
    bank = shared.sessions.keys.make(["bank"])
    for method, path, body in paths(session.session_id):
        if "/sessions/" in path:
            answer = await ask(shared.url, path, body, method=method, key=bank)
            assert (answer.status, answer.detail) == (404, "no session has this session_id")
    assert session.SerializeToString() == before
    assert {type(asked).__name__ for asked in shared.sessions.requests} == {"GetSessionRequest"}


async def test_lists_leave_out_what_is_of_another_agent(shared: SharedApi) -> None:
    own = [shared.sessions.open_session("bank").session_id for _ in range(2)]
    for _ in range(6):
        shared.sessions.open_session("shop")
    own.append(shared.sessions.open_session("bank").session_id)
    shared.sessions.numbers.numbers += [
        number_pb2.Number(number="+15550197", agent="shop"),
        number_pb2.Number(number="+15550198", agent="bank"),
    ]
    bank = shared.sessions.keys.make(["bank", "post"])
    seen: list[str] = []
    path, token = "/v1/sessions?page_size=2", ""
    for _ in range(5):
        page = await got(shared, f"{path}&page_token={token}" if token else path, bank)
        assert page["sessions"], "an empty page is looked behind"
        seen += [session["session_id"] for session in page["sessions"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == own[::-1]
    [number] = (await got(shared, "/v1/numbers", bank))["numbers"]
    assert number["agent"] == "bank"


async def test_one_question_does_not_read_without_end(shared: SharedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_records, "MOST_PAGES", 3)
    for _ in range(10):
        shared.sessions.open_session("shop")
    page = await got(shared, "/v1/sessions?page_size=1", shared.sessions.keys.make(["bank"]))
    assert (page["sessions"], page["next_page_token"]) == ([], "3")
    assert len(shared.sessions.requests) == 3
