"""The bytes of a webhook as an entry describes it: Twilio's form with something wrong, signed or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from tests.corpus.entries import BadEntry, Entry
from tests.integration.gateway.twilio_side import (
    FALLBACK,
    OTHER_TOKEN,
    PUBLIC_URL,
    SMS,
    TOKEN,
    report,
    request,
    sign,
    text,
)

TOKENS = {"ours": TOKEN, "other": OTHER_TOKEN, "wrong": "f" * 32, "empty": ""}
TARGETS = {"sms": SMS, "fallback": FALLBACK}
KEYS = {
    *("target", "base", "fields", "also", "cut", "form", "signature", "token", "url", "headers", "method", "chunks"),
    *("raw", "gateway", "from_entry"),
}


def participant_of(number: int) -> str:
    return f"+1555{number:07d}"


def sid_of(number: int) -> str:
    return f"SM{number:032x}"


def status_target(delivery_id: str) -> str:
    return f"/twilio/status/{delivery_id}"


def webhook_bytes(entry: Entry, send: Mapping[str, Any], delivery: Mapping[str, str]) -> bytes:
    """`delivery` has the `id` and `sid` of a message that was sent, for the reports."""
    if unknown := set(send) - KEYS:
        raise BadEntry(f"{entry.id}: {unknown} is no part of a webhook")
    values = _values(entry, delivery)
    if "raw" in send:
        return _filled("".join(send["raw"]), values)
    is_report = send.get("base") == "report"
    target = TARGETS.get(send.get("target", ""), send.get("target")) or (values["{status}"] if is_report else SMS)
    target = _text(target, values)
    fields = {**_base(entry, delivery, is_report), **send.get("fields", {})}
    pairs = [(name, _text(value, values)) for name, value in fields.items() if value is not None]
    pairs += [(name, _text(value, values)) for name, value in send.get("also", ())]
    signed_pairs = pairs
    if "cut" in send:
        pairs = [_moved(name, value, send["cut"]) for name, value in sorted(pairs)]
    body = urlencode(pairs).encode()
    if "form" in send:
        body = _filled(send["form"], values)
        signed_pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    return _request(send, target, body, signed_pairs, values)


def _request(
    send: Mapping[str, Any], target: str, body: bytes, pairs: list[tuple[str, str]], values: Mapping[str, str]
) -> bytes:
    url = _text(send.get("url", PUBLIC_URL + target), values)
    signature: str | None = sign(url, pairs, TOKENS[send.get("token", "ours")])
    if "signature" in send:
        signature = None if send["signature"] is None else _text(send["signature"], values)
    headers = {"X-Twilio-Signature": signature}
    headers |= {name: value and _text(value, values) for name, value in send.get("headers", {}).items()}
    if "chunks" not in send:
        return request(target, body, headers, send.get("method", "POST"))
    size = send["chunks"]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    headers |= {"Content-Length": None, "Transfer-Encoding": "chunked"}
    return request(target, b"", headers) + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def _base(entry: Entry, delivery: Mapping[str, str], is_report: bool) -> dict[str, str]:
    who, sid = participant_of(entry.number), sid_of(entry.number)
    if is_report:
        return report(To=who, MessageSid=delivery["sid"], SmsSid=delivery["sid"])
    return text(From=who, MessageSid=sid, SmsSid=sid, SmsMessageSid=sid)


def _values(entry: Entry, delivery: Mapping[str, str]) -> dict[str, str]:
    """What stands in an entry's texts in braces."""
    base = _base(entry, delivery, is_report=False)
    good = sign(PUBLIC_URL + SMS, base)
    form = urlencode(base)
    whole = request(SMS, form, {"X-Twilio-Signature": good}).decode("latin-1")
    head, _, _ = whole.partition("\r\n\r\n")
    return {
        "{good}": good,
        "{quoted}": quote(good),
        "{form}": form,
        "{length}": str(len(form)),
        "{whole}": whole,
        "{head}": head,
        "{participant}": participant_of(entry.number),
        "{sid}": sid_of(entry.number),
        "{status}": status_target(delivery["id"]),
        "{delivery_sid}": delivery["sid"],
    }


def _text(value: str, values: Mapping[str, str]) -> str:
    for name, meant in values.items():
        value = value.replace(name, meant)
    return value


def _filled(value: str, values: Mapping[str, str]) -> bytes:
    return _text(value, values).encode("latin-1")


def _moved(name: str, value: str, cut: Mapping[str, int]) -> tuple[str, str]:
    """The signed text unchanged, its fields cut elsewhere: so many characters go from a value into its name."""
    count = cut.get(name, 0)
    return name + value[:count], value[count:]
