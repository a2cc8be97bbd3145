"""A participant's text: the signed webhook that it becomes, and what Twilio makes of the answer."""

import re
from collections.abc import Mapping

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from parley_simulator.app import running
from parley_simulator.domain.messages import Media
from parley_simulator.errors import BadRequestError
from parley_simulator.simulator import Simulator
from tests.contract.simulator.conftest import OTHER, OURS, TOKEN, simulator_settings
from tests.contract.simulator.receiver import Answer, Receiver

ANN = "+15550100001"


async def test_the_webhook_carries_the_full_set_of_parameters(wired: Simulator, receiver: Receiver) -> None:
    sent = await wired.text(ANN, OURS, "Ahoy 👍 & more = +1")
    assert sent.outcome == "delivered"
    (request,) = receiver.requests
    sid = sent.message.sid
    assert request.fields == {
        "AccountSid": wired.account_sid,
        "ApiVersion": "2010-04-01",
        "Body": "Ahoy 👍 & more = +1",
        "From": ANN,
        "FromCity": "",
        "FromCountry": "",
        "FromState": "",
        "FromZip": "",
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": OURS,
        "ToCity": "",
        "ToCountry": "",
        "ToState": "",
        "ToZip": "",
    }
    assert re.fullmatch(r"SM[0-9a-f]{32}", sid)


async def test_the_webhook_has_twilios_headers(wired: Simulator, receiver: Receiver) -> None:
    await wired.text(ANN, OURS, "hi")
    headers: Mapping[str, str] = receiver.requests[0].headers
    assert headers["User-Agent"] == "TwilioProxy/1.1"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["I-Twilio-Idempotency-Token"])
    assert (headers["Accept"], headers["Accept-Encoding"], headers["X-Home-Region"]) == ("*/*", "gzip", "us1")


@pytest.mark.parametrize(
    ("path", "fragment"),
    [
        ("/sms", ""),
        ("/sms?agent=desk&x=%2Fa%20b", ""),
        ("/sms?a=1", "rc=2&rp=all"),
        ("/sms/", "rc=0"),
        ("/%C3%BC//x;y", ""),
    ],
)
async def test_twilios_own_validator_takes_the_signature(
    simulator: Simulator, receiver: Receiver, path: str, fragment: str
) -> None:
    simulator.add_number(OURS, sms_url=receiver.url(path, fragment))
    await simulator.text(ANN, OURS, "ñandú  with blanks ")
    (request,) = receiver.requests
    assert request.is_signed(TOKEN, receiver.url(path))
    assert not request.is_signed("another token", receiver.url(path))
    assert not request.is_signed(TOKEN, receiver.url("/other"))


async def test_user_and_password_are_kept_out_of_the_signature_and_sent_when_asked_for(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.add_number(OURS, sms_url=receiver.url("/sms?x=1").replace("http://", "http://user:p%40ss@"))
    receiver.answers = [Answer(status=401)]
    sent = await simulator.text(ANN, OURS, "hi")
    assert sent.outcome == "delivered"
    first, second = receiver.requests
    assert "Authorization" not in first.headers
    assert second.headers["Authorization"] == aiohttp.encode_basic_auth("user", "p@ss")
    assert second.is_signed(TOKEN, receiver.url("/sms?x=1"))


async def test_user_and_password_are_not_sent_unasked(simulator: Simulator, receiver: Receiver) -> None:
    simulator.add_number(OURS, sms_url=receiver.url().replace("http://", "http://user:pass@"))
    await simulator.text(ANN, OURS, "hi")
    (request,) = receiver.requests
    assert "Authorization" not in request.headers


async def test_a_get_webhook_carries_its_fields_in_the_query(simulator: Simulator, receiver: Receiver) -> None:
    simulator.add_number(OURS, sms_url=receiver.url("/sms?agent=desk")).sms_method = "GET"
    await simulator.text(ANN, OURS, "hi there")
    (request,) = receiver.requests
    assert (request.method, request.fields["agent"], request.fields["Body"]) == ("GET", "desk", "hi there")
    validator = RequestValidator(TOKEN)
    assert validator.validate(receiver.base + request.path, {}, request.headers["X-Twilio-Signature"])


async def test_the_voice_style_signs_without_the_port(receiver: Receiver) -> None:
    async with running(simulator_settings(sign_port=False)) as simulator:
        simulator.add_number(OURS, sms_url=receiver.url("/sms"))
        await simulator.text(ANN, OURS, "hi")
    assert receiver.requests[0].is_signed(TOKEN, "http://127.0.0.1/sms")


async def test_media_come_with_their_urls_and_types(wired: Simulator, receiver: Receiver) -> None:
    media = [Media("https://example.com/0.jpg", "image/jpeg"), Media("https://example.com/1.png", "image/png")]
    sent = await wired.text(ANN, OURS, "", media=media)
    fields = receiver.requests[0].fields
    assert sent.message.sid.startswith("MM")
    assert (fields["NumMedia"], fields["Body"]) == ("2", "")
    assert (fields["MediaUrl1"], fields["MediaContentType1"]) == ("https://example.com/1.png", "image/png")
    assert receiver.requests[0].is_signed(TOKEN, receiver.url())


async def test_a_number_without_webhook_keeps_the_text_in_the_log(simulator: Simulator) -> None:
    sent = await simulator.text(ANN, OTHER, "hi")
    assert sent.outcome == "no_url"
    (message,) = simulator.messages()
    assert (message.direction, message.status, message.from_, message.to) == ("inbound", "received", ANN, OTHER)


async def test_only_our_numbers_can_be_texted_by_real_numbers(simulator: Simulator) -> None:
    with pytest.raises(BadRequestError, match=r"^to: .*POST /numbers"):
        await simulator.text(ANN, "+15557654321", "hi")
    with pytest.raises(BadRequestError, match=r"^from: .*E\.164"):
        await simulator.text("ann", OURS, "hi")


@pytest.mark.parametrize(
    ("answer", "replies", "alerts"),
    [
        (Answer(), [], []),
        (Answer(status=204, content_type="text/plain", body=""), [], []),
        (Answer(content_type=None, body=""), [], []),
        (Answer(content_type="text/plain; charset=utf-8", body="OK"), ["OK"], []),
        (Answer(content_type="application/xml", body="<Response><Message>a</Message></Response>"), ["a"], []),
        (Answer(body="<Response><Message>a</Message><Message><Body>b</Body></Message></Response>"), ["a", "b"], []),
        (Answer(body="<Response><Message>a</Message><Dial>1</Dial></Response>"), ["a"], [12200]),
        (Answer(body=f"<Response>{'<Message>a</Message>' * 11}</Response>"), ["a"] * 10, [14109]),
        (Answer(content_type="application/json", body="null"), [], [12300]),
        (Answer(content_type=None, body="OK"), [], [12300]),
        (Answer(body="<Response>"), [], [12100]),
        (Answer(body="<Other/>"), [], [12102]),
        (Answer(body=f"<Response><!--{'x' * 65_536}--></Response>"), [], [11750]),
    ],
)
async def test_the_answer_decides_what_twilio_sends(
    wired: Simulator, receiver: Receiver, answer: Answer, replies: list[str], alerts: list[int]
) -> None:
    receiver.answers = [answer]
    await wired.text(ANN, OURS, "hi")
    outbox = wired.outbox(ANN)
    assert [message.body for message in outbox] == replies
    assert {message.direction for message in outbox} <= {"outbound-reply"}
    assert [alert.code for alert in wired.alerts()] == alerts


async def test_a_reply_to_a_participant_who_opted_out_is_an_alert(wired: Simulator, receiver: Receiver) -> None:
    receiver.answers = [Answer(content_type="text/plain", body="OK")]
    await wired.text(ANN, OURS, "STOP")
    assert wired.outbox(ANN) == []
    assert [alert.code for alert in wired.alerts()] == [21610]


async def test_redirects_are_followed(wired: Simulator, receiver: Receiver) -> None:
    receiver.answers = [Answer(status=307, headers={"Location": "/elsewhere"})]
    assert (await wired.text(ANN, OURS, "hi")).outcome == "delivered"
    assert [request.path for request in receiver.requests] == ["/sms", "/elsewhere"]


async def test_redirects_without_end_are_an_alert(wired: Simulator, receiver: Receiver) -> None:
    receiver.answers = [Answer(status=307, headers={"Location": "/again"})] * 12
    assert (await wired.text(ANN, OURS, "hi")).outcome == "lost"
    assert [alert.code for alert in wired.alerts()] == [11215]
