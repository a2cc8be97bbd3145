"""A participant's text comes in by webhook, and is answered when the session service has it."""

import asyncio
import time

import grpc
import pytest

from parley.channel.v1 import channel_pb2
from parley.session.v1 import session_pb2
from parley_gateway.app import Gateway
from tests.integration.gateway.api_peers import OUR_NUMBER
from tests.integration.gateway.between import StartGateway
from tests.integration.gateway.peers import (
    RESULT,
    Outcome,
    SessionPeer,
    serving,
    session_peer,
    silent_server,
    vacant_address,
)
from tests.integration.gateway.twilio_side import (
    ACCOUNT,
    FALLBACK,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    PUBLIC_URL,
    SMS,
    WAIT,
    Caller,
    Reply,
    call,
    sid,
    signed,
    text,
    until,
)


def assert_stored(reply: Reply) -> None:
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, "<Response/>", "text/xml")


def assert_not_now(reply: Reply) -> None:
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


async def test_a_text_reaches_the_session_service_whole(gateway: Gateway, sessions: SessionPeer) -> None:
    before = time.time()
    media = {"NumMedia": "2", "MediaUrl0": "https://api.twilio.com/a", "MediaUrl1": "https://api.twilio.com/b"}
    assert_stored(await call(gateway.url, signed(fields=text(Body="  Grüße,\r\n 'x' 👍 ", **media))))
    [message] = sessions.received
    assert (message.channel, message.endpoint, message.participant) == (
        channel_pb2.CHANNEL_SMS,
        OUR_NUMBER,
        "+15550100",
    )
    assert (message.source_id, message.text) == (sid(), "  Grüße,\r\n 'x' 👍 ")
    assert list(message.media_urls) == ["https://api.twilio.com/a", "https://api.twilio.com/b"]
    assert before <= message.receive_time.ToNanoseconds() / 1e9 <= time.time()
    assert len(message.traceparent) == 55


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("STOP", session_pb2.OPT_OUT_TYPE_STOP),
        ("start", session_pb2.OPT_OUT_TYPE_START),
        ("Help", session_pb2.OPT_OUT_TYPE_HELP),
        ("PAUSE", session_pb2.OPT_OUT_TYPE_UNSPECIFIED),
        (None, session_pb2.OPT_OUT_TYPE_UNSPECIFIED),
    ],
)
async def test_what_twilio_took_a_text_for_reaches_the_session_service(
    gateway: Gateway, sessions: SessionPeer, given: str | None, kind: session_pb2.OptOutType.ValueType
) -> None:
    assert_stored(await call(gateway.url, signed(fields=text(Body="Stop", OptOutType=given))))
    assert [message.opt_out_type for message in sessions.received] == [kind]


async def test_the_answer_waits_for_the_session_service(gateway: Gateway, sessions: SessionPeer) -> None:
    sessions.doors.open.clear()
    async with Caller(gateway.url) as caller:
        await caller.send(signed())
        await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
        reply = asyncio.create_task(caller.reply())
        done, _ = await asyncio.wait([reply], timeout=0.1)
        assert not done
        sessions.doors.open.set()
        assert_stored(await reply)


async def test_the_same_text_again_is_answered_alike_and_stored_once(gateway: Gateway, sessions: SessionPeer) -> None:
    for _ in range(3):
        assert_stored(await call(gateway.url, signed()))
    assert len(sessions.received) == 1


async def test_a_text_that_no_agent_is_given_is_answered_like_any_other(
    gateway: Gateway, sessions: SessionPeer
) -> None:
    sessions.outcome = RESULT.OUTCOME_IGNORED
    assert_stored(await call(gateway.url, signed()))


@pytest.mark.parametrize("sender", ["12345", "Twilio", "+442071838750"])
async def test_whoever_may_send_is_passed_on(gateway: Gateway, sessions: SessionPeer, sender: str) -> None:
    assert_stored(await call(gateway.url, signed(fields=text(From=sender))))
    assert sessions.received[0].participant == sender


async def test_new_fields_of_twilio_change_nothing(gateway: Gateway, sessions: SessionPeer) -> None:
    fields = [*text().items(), ("ChannelMetadata", '{"type":"sms"}'), ("NewIn2027", "a"), ("NewIn2027", "b"), ("", "")]
    assert_stored(await call(gateway.url, signed(fields=fields)))
    assert len(sessions.received) == 1


async def test_a_charset_and_another_case_are_no_other_media_type(gateway: Gateway, sessions: SessionPeer) -> None:
    media_type = "Application/X-WWW-Form-URLencoded; charset=UTF-8"
    assert_stored(await call(gateway.url, signed(headers={"Content-Type": media_type})))


async def test_a_query_that_was_configured_is_signed_as_it_is(gateway: Gateway, sessions: SessionPeer) -> None:
    assert_stored(await call(gateway.url, signed(f"{SMS}?b=%2f&a=1&&b=")))


async def test_what_a_request_says_of_its_host_changes_nothing(gateway: Gateway, sessions: SessionPeer) -> None:
    spoofed = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-For": "10.0.0.1",
        "Forwarded": "host=evil.example;proto=http",
        "X-Original-URL": "/evil",
    }
    assert_stored(await call(gateway.url, signed(headers=spoofed)))
    forged = signed(signed_url=f"https://evil.example{SMS}", headers=spoofed)
    assert (await call(gateway.url, forged)).status == 403


async def test_the_fallback_is_signed_for_its_own_url(gateway: Gateway, sessions: SessionPeer) -> None:
    failed = text(ErrorCode="11200", ErrorUrl=f"{PUBLIC_URL}{SMS}")
    assert (await call(gateway.url, signed(FALLBACK, failed, signed_url=PUBLIC_URL + SMS))).status == 403
    assert (await call(gateway.url, signed(SMS, failed, signed_url=PUBLIC_URL + FALLBACK))).status == 403
    assert sessions.received == []
    assert_stored(await call(gateway.url, signed(FALLBACK, failed)))
    assert [message.source_id for message in sessions.received] == [sid()]


async def test_each_account_is_known_by_its_own_token(gateway: Gateway, sessions: SessionPeer) -> None:
    assert_stored(await call(gateway.url, signed(fields=text(AccountSid=OTHER_ACCOUNT), token=OTHER_TOKEN)))
    assert (await call(gateway.url, signed(fields=text(AccountSid=OTHER_ACCOUNT)))).status == 403
    assert (await call(gateway.url, signed(token=OTHER_TOKEN))).status == 403


async def test_both_tokens_are_good_while_one_replaces_the_other(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway(twilio_accounts=f"{ACCOUNT}=old-token|new-token")
    for number, token in enumerate(("old-token", "new-token", "old-token")):
        assert_stored(await call(gateway.url, signed(fields=text(MessageSid=sid(number)), token=token)))
    assert (await call(gateway.url, signed(token="retired"))).status == 403


async def test_a_path_in_the_public_url_is_signed_too(start_gateway: StartGateway, sessions: SessionPeer) -> None:
    gateway = await start_gateway(public_url="https://example.com:8443/parley/")
    assert_stored(await call(gateway.url, signed(signed_url=f"https://example.com:8443/parley{SMS}")))


async def test_in_development_the_gateway_is_its_own_public_url(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(public_url="")
    assert gateway.public_url == gateway.url
    assert_stored(await call(gateway.url, signed(signed_url=gateway.url + SMS)))


async def test_texts_that_arrive_during_a_flush_are_the_next_batch(gateway: Gateway, sessions: SessionPeer) -> None:
    sessions.doors.open.clear()
    first = asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(0)))))
    await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
    rest = [asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(n))))) for n in range(1, 21)]
    await until_waiting(gateway, 20)
    sessions.doors.open.set()
    for reply in await asyncio.gather(first, *rest):
        assert_stored(reply)
    assert sessions.doors.batches == [1, 20]
    assert gateway.stats["batches"]["receive"] == (21, 2)


async def test_one_connection_carries_many_texts(gateway: Gateway, sessions: SessionPeer) -> None:
    async with Caller(gateway.url) as caller:
        for number in range(3):
            await caller.send(signed(fields=text(MessageSid=sid(number))))
            assert_stored(await caller.reply())
    assert [message.source_id for message in sessions.received] == [sid(0), sid(1), sid(2)]


# --- not now ----------------------------------------------------------------------------------------------------


async def test_a_number_that_is_not_registered_is_tried_again_by_twilio(
    gateway: Gateway, sessions: SessionPeer
) -> None:
    assert_not_now(await call(gateway.url, signed(fields=text(To="+15550198"))))
    assert sessions.received == []


async def test_a_text_that_the_session_service_refuses_is_refused(gateway: Gateway, sessions: SessionPeer) -> None:
    sessions.outcome = RESULT.OUTCOME_INVALID
    assert (await call(gateway.url, signed())).status == 400


@pytest.mark.parametrize("outcome", [RESULT.OUTCOME_UNSPECIFIED, 99])
async def test_an_outcome_that_says_nothing_is_no_success(
    gateway: Gateway, sessions: SessionPeer, outcome: Outcome
) -> None:
    sessions.outcome = outcome
    assert_not_now(await call(gateway.url, signed()))


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_no_failure_of_the_session_service_is_a_success(
    gateway: Gateway, sessions: SessionPeer, code: grpc.StatusCode
) -> None:
    sessions.doors.fails_with = code
    reply = await call(gateway.url, signed())
    assert_not_now(reply)
    assert "canary" not in reply.body


async def test_a_text_over_which_calls_fail_takes_no_other_down(gateway: Gateway, sessions: SessionPeer) -> None:
    sessions.chokes_on = sid(3)
    sessions.doors.open.clear()
    first = asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(0)))))
    await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
    rest = [asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(n))))) for n in range(1, 6)]
    await until_waiting(gateway, 5)
    sessions.doors.open.set()
    statuses = [reply.status for reply in await asyncio.gather(first, *rest)]
    assert statuses == [200, 200, 200, 503, 200, 200]


async def test_an_absent_session_service_is_not_asked_once_for_each_text(
    gateway: Gateway, sessions: SessionPeer
) -> None:
    sessions.doors.open.clear()
    first = asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(0)))))
    await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
    rest = [asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(n))))) for n in range(1, 21)]
    await until_waiting(gateway, 20)
    sessions.doors.fails_with = grpc.StatusCode.UNAVAILABLE
    sessions.doors.open.set()
    for reply in await asyncio.gather(first, *rest):
        assert_not_now(reply)
    assert sessions.doors.batches == [1, 1, 20, 20]


async def test_without_a_session_service_the_answer_comes_in_time(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(session_address=[await vacant_address()])
    began = time.monotonic()
    assert_not_now(await call(gateway.url, signed()))
    assert time.monotonic() - began < 6.0


async def test_a_session_service_that_never_answers_is_not_waited_for(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway(call_timeout=0.3, answer_timeout=1.0)
    sessions.doors.open.clear()
    began = time.monotonic()
    replies = await asyncio.gather(*(call(gateway.url, signed(fields=text(MessageSid=sid(n)))) for n in range(5)))
    assert time.monotonic() - began < 4.0
    for reply in replies:
        assert_not_now(reply)


async def test_a_text_whose_answer_came_too_late_is_found_stored_when_twilio_repeats_it(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway(answer_timeout=0.05)
    sessions.doors.open.clear()
    assert_not_now(await call(gateway.url, signed()))
    sessions.doors.open.set()
    await until(lambda: bool(sessions.received))
    assert_stored(await call(gateway.url, signed()))
    assert len(sessions.received) == 1


async def test_a_replica_that_takes_connections_and_never_answers_stops_nothing(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    async with silent_server() as frozen, serving(sessions) as healthy:
        gateway = await start_gateway(session_address=[frozen, healthy], call_timeout=0.2)
        for number in range(5):
            assert_stored(await call(gateway.url, signed(fields=text(MessageSid=sid(number)))))
    assert [message.source_id for message in sessions.received] == [sid(number) for number in range(5)]


async def test_a_replica_that_freezes_with_a_batch_in_its_hands_stops_nothing(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    frozen = session_peer()
    async with serving(frozen) as one, serving(sessions) as other:
        gateway = await start_gateway(session_address=[one, other], call_timeout=0.2)
        assert_stored(await call(gateway.url, signed(fields=text(MessageSid=sid(0)))))
        assert len(frozen.received) == 1
        frozen.doors.open.clear()
        for number in range(1, 6):
            assert_stored(await call(gateway.url, signed(fields=text(MessageSid=sid(number)))))
        assert len(sessions.received) == 5


async def test_more_webhooks_than_may_wait_are_answered_at_once(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway(waiting_limit=2)
    sessions.doors.open.clear()
    first = asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(0)))))
    await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
    waiting = [asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(n))))) for n in (1, 2)]
    await until_waiting(gateway, 2)
    assert_not_now(await call(gateway.url, signed(fields=text(MessageSid=sid(3)))))
    sessions.doors.open.set()
    for reply in await asyncio.gather(first, *waiting):
        assert_stored(reply)


async def test_a_batch_of_large_texts_is_cut_into_calls_that_the_session_service_takes(
    start_gateway: StartGateway, sessions: SessionPeer
) -> None:
    gateway = await start_gateway()
    sessions.doors.open.clear()
    first = asyncio.create_task(call(gateway.url, signed(fields=text(MessageSid=sid(0)))))
    await asyncio.wait_for(sessions.doors.called.wait(), WAIT)
    large = [signed(fields=text(MessageSid=sid(number), Body="x" * 60_000)) for number in range(1, 21)]
    rest = [asyncio.create_task(call(gateway.url, content)) for content in large]
    await until_waiting(gateway, 20)
    sessions.doors.open.set()
    for reply in await asyncio.gather(first, *rest):
        assert_stored(reply)
    assert [message.source_id for message in sessions.received[1:]] == [sid(number) for number in range(1, 21)]
    assert sum(sessions.doors.batches) == 21
    assert all(count * 60_000 <= 512 * 1024 for count in sessions.doors.batches)


async def until_waiting(gateway: Gateway, count: int) -> None:
    await until(lambda: gateway.batchers["receive"].waiting == count)
