"""Reads what a webhook answered: texts to send on, or an error of the kind that Twilio shows in its debugger.

Serves `<Message>` (with `<Body>`); any other verb, `<Redirect>` included, is warned about and skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})
MAX_BYTES = 65_536
MAX_REPLIES = 10

BAD_CONTENT_TYPE = 12300
DOCUMENT_TOO_LONG = 11750
MALFORMED = 12100
WRONG_ROOT = 12102
SCHEMA_WARNING = 12200
TOO_MANY_REPLIES = 14109


@dataclass(frozen=True, slots=True)
class Answer:
    """`error`: nothing of the answer counts and the fallback is asked; `warning`: the rest counts."""

    replies: tuple[str, ...] = field(default=(), repr=False)
    error: int | None = None
    warning: int | None = None


def read_answer(content_type: str, body: bytes) -> Answer:
    """The answer to an inbound webhook that came with a 2xx status."""
    if not body.strip():
        return Answer()
    if len(body) > MAX_BYTES:
        return Answer(error=DOCUMENT_TOO_LONG)
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/plain":
        return Answer(replies=(body.decode("utf-8", "replace"),))
    if media_type not in XML_TYPES:
        return Answer(error=BAD_CONTENT_TYPE)
    return _read_document(body)


def _read_document(body: bytes) -> Answer:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return Answer(error=MALFORMED)
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a DTD there are no entities to expand
    except ET.ParseError:
        return Answer(error=MALFORMED)
    if root.tag != "Response":
        return Answer(error=WRONG_ROOT)
    replies = [_text(verb) for verb in root if verb.tag == "Message"]
    warning = SCHEMA_WARNING if len(replies) != len(root) else None
    if len(replies) > MAX_REPLIES:
        replies, warning = replies[:MAX_REPLIES], TOO_MANY_REPLIES
    return Answer(tuple(reply for reply in replies if reply), warning=warning)


def _text(message: ET.Element) -> str:
    body = message.find("Body")
    return ((body if body is not None else message).text or "").strip()
