"""Whatever is sent: the exact answer, nothing for the services behind, and nothing of it in the log."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio

from parley_chassis.logs import JsonFormatter
from parley_gateway.app import Gateway
from tests.integration.gateway.between import starting_gateways
from tests.integration.gateway.peers import NotifierPeer, SessionPeer, notifier_peer, session_peer
from tests.integration.gateway.twilio_side import (
    ACCOUNT,
    FALLBACK,
    FORM,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    PUBLIC_URL,
    SMS,
    STATUS,
    TOKEN,
    call,
    pairs_of,
    report,
    request,
    sid,
    sign,
    signed,
    text,
)

GOOD = sign(PUBLIC_URL + SMS, text())
BODY = urlencode(text())
DELIVERY_PATHS = "/twilio/status"


def with_signature(signature: str | None, body: str | bytes = BODY) -> bytes:
    return request(SMS, body, {"X-Twilio-Signature": signature})


def twice(*names: str) -> bytes:
    return signed(fields=[*text().items(), *((name, text()[name]) for name in names)])


def raw(body: bytes, url: str = PUBLIC_URL + SMS) -> bytes:
    """A body that cannot be signed as Twilio does it, with the signature that would suit its bytes read as Latin-1."""
    return request(SMS, body, {"X-Twilio-Signature": sign(url, [("Body", body.decode("latin-1"))])})


def chunked(body: bytes, size: int = 1000, signature: str = GOOD) -> bytes:
    head = request(SMS, b"", {"X-Twilio-Signature": signature, "Content-Length": None, "Transfer-Encoding": "chunked"})
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def moved(name: str, count: int) -> bytes:
    """The signed text unchanged, its fields cut elsewhere: `count` characters go from a field's value into its name."""
    fields = [
        (key + value[:count], value[count:]) if key == name else (key, value) for key, value in sorted(text().items())
    ]
    return request(SMS, urlencode(fields), {"X-Twilio-Signature": GOOD})


UNSIGNED: list[tuple[str, int, bytes]] = [
    ("no signature", 403, with_signature(None)),
    ("empty signature", 403, with_signature("")),
    ("signature of spaces", 403, with_signature("   ")),
    ("signature of 4,000 characters", 403, with_signature("A" * 4000)),
    ("signature beyond ASCII", 403, with_signature("é" * 28)),
    ("signature with one letter changed", 403, with_signature(GOOD[:-2] + ("A=" if GOOD[-2] != "A" else "B="))),
    ("signature without padding", 403, with_signature(GOOD.rstrip("="))),
    ("signature with padding added", 403, with_signature(GOOD + "=")),
    ("signature in the other case", 403, with_signature(GOOD.swapcase())),
    ("signature of zeros", 403, with_signature("=" * 28)),
    ("signature twice", 403, request(SMS, BODY, {"X-Twilio-Signature": GOOD, "x-twilio-signature": GOOD})),
    ("signature under another name", 403, request(SMS, BODY, {"X-Signature": GOOD})),
    ("signature in the query", 403, request(f"{SMS}?X-Twilio-Signature={quote(GOOD)}", BODY)),
    ("signed with another token", 403, signed(token="f" * 32)),
    ("signed with an empty token", 403, signed(token="")),
    ("signed for http", 403, signed(signed_url="http://sms.example.com" + SMS)),
    ("signed for a port", 403, signed(signed_url="https://sms.example.com:443" + SMS)),
    ("signed for a host in capitals", 403, signed(signed_url="https://SMS.example.com" + SMS)),
    ("signed for another host", 403, signed(signed_url="https://evil.example" + SMS)),
    ("signed with user and password", 403, signed(signed_url="https://user:pass@sms.example.com" + SMS)),
    ("signed with a fragment", 403, signed(signed_url=f"{PUBLIC_URL}{SMS}#rc=3")),
    ("signed with a slash at the end", 403, signed(signed_url=f"{PUBLIC_URL}{SMS}/")),
    ("query in another order", 403, signed(f"{SMS}?a=1&b=2", signed_url=f"{PUBLIC_URL}{SMS}?b=2&a=1")),
    ("query escaped anew", 403, signed(f"{SMS}?a=%2F", signed_url=f"{PUBLIC_URL}{SMS}?a=/")),
    ("query added", 403, signed(f"{SMS}?a=1", signed_url=PUBLIC_URL + SMS)),
    ("path escaped", 403, signed("/twilio/%73ms", signed_url=PUBLIC_URL + SMS)),
    ("a field changed", 403, with_signature(GOOD, urlencode(text(Body="Ahoj")))),
    ("a field added", 403, with_signature(GOOD, BODY + "&Extra=")),
    ("a blank field left out", 403, with_signature(GOOD, urlencode(text(FromCity=None)))),
    ("a space lost", 403, with_signature(GOOD, BODY.replace("SAN+FRANCISCO", "SANFRANCISCO"))),
    ("replayed at the fallback", 403, request(FALLBACK, BODY, {"X-Twilio-Signature": GOOD})),
    ("replayed at a status URL", 403, request(STATUS, BODY, {"X-Twilio-Signature": GOOD})),
    ("no account", 403, signed(fields=text(AccountSid=None))),
    ("empty account", 403, signed(fields=text(AccountSid=""))),
    ("unknown account", 403, signed(fields=text(AccountSid="AC" + "9" * 32))),
    ("account in another case", 403, signed(fields=text(AccountSid=ACCOUNT.lower()))),
    ("another tenant's account", 403, signed(fields=text(AccountSid=OTHER_ACCOUNT))),
    ("signed by another tenant", 403, signed(token=OTHER_TOKEN)),
    ("two accounts", 403, signed(fields=[*text().items(), ("AccountSid", OTHER_ACCOUNT)])),
    ("the same account twice", 403, signed(fields=[*text().items(), ("AccountSid", ACCOUNT)])),
    ("empty body", 403, with_signature(sign(PUBLIC_URL + SMS, []), "")),
    ("body of delimiters", 403, with_signature(sign(PUBLIC_URL + SMS, []), "&&&&")),
    ("NUL", 403, signed(fields=text(Body="a\0b"))),
    ("NUL as it is", 403, raw(b"AccountSid=" + ACCOUNT.encode() + b"&Body=a\0b")),
    ("invalid UTF-8", 403, raw(b"AccountSid=" + ACCOUNT.encode() + b"&Body=%FF%FE")),
    ("overlong UTF-8", 403, raw(b"AccountSid=" + ACCOUNT.encode() + b"&Body=%C0%AF")),
    ("half a character", 403, raw(b"AccountSid=" + ACCOUNT.encode() + b"&Body=%F0%9F%91")),
    ("a lone surrogate", 403, raw(b"AccountSid=" + ACCOUNT.encode() + b"&Body=%ED%A0%80")),
    ("UTF-8 not escaped", 403, raw(b"AccountSid=" + ACCOUNT.encode() + "&Body=é".encode())),
    ("not a form at all", 403, with_signature(GOOD, b"\x80\x04\x95\x00cos\nsystem\n")),
    ("JSON called a form", 403, with_signature(GOOD, json.dumps(text()))),
    ("a field cut elsewhere, unsigned account", 403, moved("AccountSid", 2)),
]

MALFORMED: list[tuple[str, int, bytes]] = [
    *((f"{name} missing", 400, signed(fields=text(**{name: None}))) for name in ("MessageSid", "From", "To", "Body")),
    *((f"{name} empty", 400, signed(fields=text(**{name: ""}))) for name in ("MessageSid", "From", "To", "NumMedia")),
    *((f"{name} twice", 400, twice(name)) for name in ("MessageSid", "From", "To", "Body", "NumMedia")),
    ("a second sender", 400, signed(fields=[*text().items(), ("From", "+15550666")])),
    ("the body's first letter in its name", 400, moved("Body", 1)),
    ("the sender's number in its name", 400, moved("From", 8)),
    ("the message's sid in its name", 400, moved("MessageSid", 34)),
    ("sid too short", 400, signed(fields=text(MessageSid=sid()[:-1]))),
    ("sid too long", 400, signed(fields=text(MessageSid=sid() + "0"))),
    ("sid of a call", 400, signed(fields=text(MessageSid="CA" + "0" * 32))),
    ("sid in lower case", 400, signed(fields=text(MessageSid=sid().lower()))),
    ("sid that is no hexadecimal number", 400, signed(fields=text(MessageSid="SM" + "g" * 32))),
    ("sid with a line end", 400, signed(fields=text(MessageSid=sid() + "\n"))),
    ("sid of SQL", 400, signed(fields=text(MessageSid="' OR 1=1 --"))),
    ("From on WhatsApp", 400, signed(fields=text(From="whatsapp:+15550100"))),
    ("To on WhatsApp", 400, signed(fields=text(To="whatsapp:+15550199"))),
    ("From on RCS", 400, signed(fields=text(From="rcs:agent"))),
    ("From without a plus", 400, signed(fields=text(From="15550100199"))),
    ("From in other digits", 400, signed(fields=text(From="+١٥٥٥٠١٠٠"))),
    ("From a script", 400, signed(fields=text(From="<script>"))),
    ("From with a line end", 400, signed(fields=text(From="+15550100\r\nX: y"))),
    ("To a name", 400, signed(fields=text(To="Parley"))),
    ("media not counted", 400, signed(fields=text(MediaUrl0="https://api.twilio.com/a"))),
    ("media counted and missing", 400, signed(fields=text(NumMedia="1"))),
    ("eleven media", 400, signed(fields=text(NumMedia="11"))),
    ("minus one media", 400, signed(fields=text(NumMedia="-1"))),
    ("media at a file URL", 400, signed(fields=text(NumMedia="1", MediaUrl0="file:///etc/passwd"))),
    ("a status callback at the inbound URL", 400, signed(fields=report())),
    ("an inbound text at the status URL", 400, signed(STATUS, text())),
    ("status missing", 400, signed(STATUS, report(MessageStatus=None))),
    ("status in capitals", 400, signed(STATUS, report(MessageStatus="DELIVERED"))),
    ("status of markup", 400, signed(STATUS, report(MessageStatus="<Response/>"))),
    ("status sid wrong", 400, signed(STATUS, report(MessageSid="SM1"))),
    ("status error code of words", 400, signed(STATUS, report(ErrorCode="unreachable"))),
]

JSON_TARGET = f"{SMS}?bodySHA256={'0' * 64}"
OTHERS: list[tuple[str, int, bytes]] = [
    *((f"{method} inbound", 405, signed(method=method)) for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")),
    ("GET with the fields in the query", 405, request(f"{SMS}?{BODY}", method="GET")),
    ("GET status", 405, signed(STATUS, report(), method="GET")),
    ("POST health", 405, request("/health/live")),
    ("JSON", 415, signed(JSON_TARGET, [], headers={"Content-Type": "application/json"})),
    ("multipart", 415, signed(headers={"Content-Type": "multipart/form-data; boundary=x"})),
    ("plain text", 415, signed(headers={"Content-Type": "text/plain"})),
    ("no content type", 415, signed(headers={"Content-Type": None})),
    ("empty content type", 415, signed(headers={"Content-Type": ""})),
    ("two content types", 415, signed(headers={"content-type": "text/plain"})),
    ("a content type that only begins alike", 415, signed(headers={"Content-Type": FORM + "x"})),
    ("compressed", 415, signed(headers={"Content-Encoding": "gzip"})),
    ("201 fields", 413, signed(fields=[*text().items(), *((f"F{n}", "") for n in range(182))])),
    ("10,000 fields", 413, with_signature(GOOD, "&" * 10_000)),
    ("a body of 64 KiB and a byte", 413, with_signature(GOOD, "x" * (64 * 1024 + 1))),
    ("a body of 2 MB", 413, with_signature(GOOD, b"x" * 2_000_000)),
    ("a body of 2 MB, unsigned", 413, with_signature(None, b"x" * 2_000_000)),
    ("a body of 2 MB in chunks", 413, chunked(b"x" * 2_000_000, 16_000)),
    ("a body of 64 KiB in small chunks", 413, chunked(b"x" * (64 * 1024 + 1), 100)),
    ("another path", 404, signed("/twilio")),
    ("a slash at the end", 404, signed(SMS + "/")),
    ("two slashes", 404, signed("//twilio/sms")),
    ("a path in capitals", 404, signed("/Twilio/SMS")),
    ("a path above", 404, signed("/twilio/x/../sms")),
    ("the root", 404, request("/", method="GET")),
    ("a delivery id that is no UUID", 404, signed(f"{DELIVERY_PATHS}/1", report())),
    ("a delivery id in capitals", 404, signed(STATUS.upper().replace("/TWILIO/STATUS", "/twilio/status"), report())),
    ("a delivery id without hyphens", 404, signed(STATUS.replace("-", ""), report())),
    ("a delivery id with a line end", 404, signed(STATUS + "%0A", report())),
    ("no delivery id", 404, signed(f"{DELIVERY_PATHS}/", report())),
    ("fields at the end of the path", 404, signed(SMS + "AccountSid" + ACCOUNT)),
    ("documentation of another kind", 404, request("/redoc", method="GET")),
    ("a header of 17 KiB", 431, signed(headers={"X-Long": "x" * 17 * 1024})),
    ("a target of 17 KiB", 431, signed(f"{SMS}?{'x' * 17 * 1024}")),
    ("a thousand headers", 431, signed(headers={f"X-{n}": "0123456789" for n in range(1000)})),
    ("not HTTP", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 20),
    ("HTTP/2", 400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("an unknown method", 400, request(SMS, method="TEXT")),
    ("a length below zero", 400, request(SMS, "", {"Content-Length": "-1"})),
    ("a length of words", 400, request(SMS, "", {"Content-Length": "many"})),
    ("a length beyond 64 bits", 400, request(SMS, "", {"Content-Length": "9" * 30})),
    ("two lengths", 400, request(SMS, BODY, {"content-length": "5"})),
    ("a length and chunks", 400, request(SMS, "0\r\n\r\n", {"Transfer-Encoding": "chunked"})),
    (
        "a chunk of no size",
        400,
        request(
            SMS, "zz\r\n\r\n", {"X-Twilio-Signature": GOOD, "Content-Length": None, "Transfer-Encoding": "chunked"}
        ),
    ),
    ("a path beyond ASCII", 400, request("/twilio/smé", BODY)),
    ("a header without a name", 400, request(SMS, BODY, {"": "x"})),
    ("CONNECT", 400, b"CONNECT sms.example.com:443 HTTP/1.1\r\nHost: sms.example.com\r\n\r\n"),
]

CASES = [*UNSIGNED, *MALFORMED, *OTHERS]
SECRETS = [TOKEN, OTHER_TOKEN, "Ahoy", "+15550100", "15550100", "+15550199", "15550199", GOOD]


def test_there_is_a_case_for_everything() -> None:
    assert len(CASES) >= 120
    assert len({name for name, _, _ in CASES}) == len(CASES)


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG)
    return lambda: [JsonFormatter().format(record) for record in caplog.records]


class Shared(NamedTuple):
    """One gateway for all cases: what a case leaves behind would be seen by the next one."""

    gateway: Gateway
    sessions: SessionPeer
    notifier: NotifierPeer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Shared]:
    sessions, notifier = session_peer(), notifier_peer()
    async with starting_gateways(sessions, notifier) as start:
        yield Shared(await start(), sessions, notifier)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("status", "content"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
async def test_bad_input_gets_its_answer_and_goes_no_further(
    shared: Shared, log_lines: Callable[[], list[str]], status: int, content: bytes
) -> None:
    reply = await call(shared.gateway.url, content)
    assert reply.status == status
    assert "server" not in reply.headers
    assert shared.sessions.doors.batches == shared.notifier.doors.batches == []
    if status == 403:
        assert reply.body == "forbidden"
    told = [reply.body, *reply.headers.values(), *log_lines()]
    assert [(secret, line) for secret in SECRETS for line in told if secret in line] == []
    assert not any("Traceback" in line or ".py" in line for line in [reply.body, *log_lines()])


async def test_after_all_of_it_a_good_text_is_taken(gateway: Gateway, sessions: SessionPeer) -> None:
    for _, status, content in CASES:
        assert (await call(gateway.url, content)).status == status
    assert (await call(gateway.url, signed())).status == 200
    assert len(sessions.received) == 1
    assert gateway.stats["answers"][200] == 1
    assert not [status for status in gateway.stats["answers"] if status >= 500]


def test_a_moved_field_is_signed_alike() -> None:
    """What the cases above rest on: only where the fields are cut differs."""
    cut = [("Bod", "yAhoy 👍"), *((name, value) for name, value in text().items() if name != "Body")]
    assert sign(PUBLIC_URL + SMS, cut) == GOOD
    assert len(pairs_of(cut)) == len(text())
