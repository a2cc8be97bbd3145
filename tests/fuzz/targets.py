"""What is fuzzed in one process, each against another's idea of it: signatures, forms, reports, segments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from parley_gateway.domain.forms import Pair, parse_form
from parley_gateway.domain.inbound import inbound_fields, parse_inbound
from parley_gateway.domain.refusals import Forbidden, Refusal
from parley_gateway.domain.report import parse_report
from parley_gateway.domain.signature import is_signed
from parley_notifier.domain import segments
from parley_simulator.domain.segments import count_segments
from tests.fuzz.mutations import Mutations
from tests.fuzz.segments_by_hand import segments_of
from tests.integration.gateway.twilio_side import DELIVERY, TOKEN, report, text

LIMIT = 200
URL = "https://sms.example.com/twilio/sms?foo=1&bar=2"
FORMS = [
    urlencode(text()).encode(),
    urlencode(report()).encode(),
    urlencode(text(NumMedia="2", MediaUrl0="https://api.twilio.com/a", MediaUrl1="https://api.twilio.com/b")).encode(),
    b"a=b&c=d&a=e",
    b"Body=%F0%9F%91%8D+%C3%A9&Body=",
]
REPORTS = [urlencode(report(ErrorCode=code)).encode() for code in (None, "", "30003")]
WORD = re.compile("[a-z][a-z_-]*")

IsSigned = Callable[[bytes, Sequence[Pair], bytes, Sequence[bytes]], bool]
ParseForm = Callable[[bytes, int], list[Pair]]
Count = Callable[[str], int]


@dataclass(frozen=True)
class Subjects:
    """What is fuzzed; a test puts a broken one in its place, to see that it would be found."""

    is_signed: IsSigned = is_signed
    parse_form: ParseForm = parse_form
    count: Count = segments.count


def signatures(subjects: Subjects, mutations: Mutations) -> Callable[[], str]:
    """Oracle: twilio's own validator, where it has an opinion."""
    validator = RequestValidator(TOKEN)
    names = ["a", "A", "ab", "b", "AccountSid", "Body", "é", ""]

    def attempt() -> str:
        random = mutations.random
        pairs = [(random.choice(names), mutations.text(20)) for _ in range(random.randrange(6))]
        genuine = validator.compute_signature(URL, ImmutableMultiDict(pairs))
        signature = genuine.encode()
        if random.random() < 0.5:
            signature = mutations.content([signature])
        wanted = signature == genuine.encode()
        if subjects.is_signed(URL.encode(), pairs, signature, [b"another", TOKEN.encode()]) is not wanted:
            return f"{pairs!r} with {signature!r}: twilio says {wanted}"
        return ""

    return attempt


def forms(subjects: Subjects, mutations: Mutations) -> Callable[[], str]:
    """Oracle: parse_qsl. It differs where a body is refused that nobody can have signed: see forms.py."""

    def attempt() -> str:
        body = mutations.content(FORMS)
        try:
            pairs = subjects.parse_form(body, LIMIT)
        except Refusal as refusal:
            return "" if is_refused(body, refusal) else f"{body!r} was refused: {refusal.reason}"
        wanted = parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict")
        return "" if pairs == wanted else f"{body!r}: {pairs!r}, not {wanted!r}"

    return attempt


def is_refused(body: bytes, refusal: Refusal) -> bool:
    """Whether `body` is one that is refused for this."""
    if not isinstance(refusal, Forbidden):
        return refusal.reason == "TOO_MANY_FIELDS" and body.count(b"&") >= LIMIT
    if not body.isascii() or b"\0" in body or b"%00" in body:
        return True
    try:
        parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        return True
    return False


def inbound_texts(subjects: Subjects, mutations: Mutations) -> Callable[[], str]:
    """What is taken keeps to its own grammar; what is not is refused by name."""

    def attempt() -> str:
        body = mutations.content(FORMS)
        try:
            inbound = parse_inbound(inbound_fields(subjects.parse_form(body, LIMIT)), 1, "")
        except Refusal as refusal:
            return "" if refusal.reason else f"{body!r}: refused without a reason"
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True))
        same = (inbound.endpoint, inbound.participant, inbound.text, inbound.source_id) == tuple(
            fields[name] for name in ("To", "From", "Body", "MessageSid")
        )
        if not same or len(inbound.source_id) != 34 or not inbound.endpoint.lstrip("+").isdecimal():
            return f"{body!r}: {inbound!r}"
        return ""

    return attempt


def reports(subjects: Subjects, mutations: Mutations) -> Callable[[], str]:
    def attempt() -> str:
        body = mutations.content(REPORTS)
        try:
            parsed = parse_report(subjects.parse_form(body, LIMIT), DELIVERY, 1)
        except Refusal as refusal:
            return "" if refusal.reason else f"{body!r}: refused without a reason"
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True))
        if (
            (parsed.message_sid, parsed.status) != (fields["MessageSid"], fields["MessageStatus"])
            or parsed.error_code != int(fields.get("ErrorCode") or 0)
            or not WORD.fullmatch(parsed.status)
            or not 0 <= parsed.error_code < 2**31
        ):
            return f"{body!r}: {parsed!r}"
        return ""

    return attempt


def segmenter(subjects: Subjects, mutations: Mutations) -> Callable[[], str]:
    """Oracles: the simulator's, and one by hand whose segments are put together again."""

    def attempt() -> str:
        message = mutations.text(1600)
        count, by_hand = subjects.count(message), segments_of(message)
        if not count == len(by_hand) == count_segments(message):
            return f"{message!r}: {count}, by hand {len(by_hand)}, the simulator {count_segments(message)}"
        sent = segments.normalise(message)
        if subjects.count(sent) > count or len(sent) > max(segments.MAX_CHARACTERS, len(message)) or "\0" in sent:
            return f"{message!r}: sent as {sent!r}"
        if segments.normalise(sent) != sent or segments.comparable(sent) != segments.comparable(
            message.replace("\0", "")
        ):
            return f"{message!r}: not the same again once sent as {sent!r}"
        return _broken_pair(by_hand, message)

    return attempt


def _broken_pair(by_hand: list[list[bytes]], message: str) -> str:
    """What a segment by itself does not tell whole: half a character of two units."""
    for segment in by_hand:
        content = b"".join(segment)
        if all(len(unit) == 1 or unit[:1] == b"\x1b" for unit in segment):
            continue
        try:
            content.decode("utf-16-be")
        except UnicodeDecodeError:
            return f"{message!r}: a segment ends in half a character"
    return ""


TARGETS = {
    "signatures": signatures,
    "forms": forms,
    "texts": inbound_texts,
    "reports": reports,
    "segments": segmenter,
}
