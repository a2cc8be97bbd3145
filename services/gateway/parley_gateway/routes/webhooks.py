"""Twilio's webhooks over HTTP: reads the form within its limits and says by the status what became of it.

Plain ASGI, because every text passes here. The time that a request may take to arrive is the HTTP server's to watch.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable

from starlette.types import Receive, Scope, Send

from parley_chassis.errors import ParleyError
from parley_gateway.domain.refusals import Forbidden, Malformed, Refusal, TooLarge, UnsupportedType
from parley_gateway.domain.tally import Tally
from parley_gateway.domain.webhook import Webhook
from parley_gateway.routes import answers
from parley_gateway.routes.answers import Answer

FORM = b"application/x-www-form-urlencoded"
# As the notifier writes it; another spelling is another path.
DELIVERY_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class WebhookEndpoint:
    """Answers `success` when `handle` returns; a Refusal and a ParleyError have their answers here."""

    def __init__(
        self, handle: Callable[[Webhook], Awaitable[None]], success: Answer, body_limit: int, tally: Tally
    ) -> None:
        self._handle = handle
        self._success = success
        self._body_limit = body_limit
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Refusal as refusal:
            self._tally.refusals[refusal.reason] += 1
            answer = answer_to(refusal)
        except ParleyError as error:
            self._tally.refusals[error.error_reason] += 1
            answer = answers.NOT_NOW
        if answer is None:
            return
        self._tally.answers[answer.status] += 1
        await answer.send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """None where nobody is there any more to be answered."""
        delivery_id = scope["path_params"].get("delivery_id", "")
        if delivery_id and not DELIVERY_ID.fullmatch(delivery_id):
            return answers.NOT_FOUND
        signature = read_headers(scope["headers"], self._body_limit)
        body = await read_body(receive, self._body_limit)
        if body is None:
            return None
        query = scope["query_string"]
        target = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
        await self._handle(Webhook(target, signature, body, delivery_id))
        return self._success


def answer_to(refusal: Refusal) -> Answer:
    match refusal:
        case Malformed():
            return answers.malformed(refusal.detail)
        case TooLarge():
            return answers.too_large(refusal.detail)
        case UnsupportedType():
            return answers.unsupported_type(refusal.detail)
        case _:
            return answers.FORBIDDEN


def read_headers(headers: Iterable[tuple[bytes, bytes]], body_limit: int) -> bytes:
    """The signature. Raises UnsupportedType, TooLarge for a body announced beyond `body_limit` bytes, or Forbidden."""
    signatures, types = [], []
    for name, value in headers:
        if name == b"x-twilio-signature":
            signatures.append(value)
        elif name == b"content-type":
            types.append(value)
        elif name == b"content-encoding":
            raise UnsupportedType("CONTENT_ENCODING", "content-encoding: send the form as it is")
        elif name == b"content-length" and int(value) > body_limit:
            raise body_too_large(body_limit)
    if len(types) != 1 or types[0].partition(b";")[0].strip().lower() != FORM:
        raise UnsupportedType("CONTENT_TYPE", f"content-type: only {FORM.decode()} is read")
    if len(signatures) != 1:
        raise Forbidden("NO_SIGNATURE")
    return signatures[0]


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None when the sender has gone. Raises TooLarge beyond `limit` bytes."""
    message = await receive()
    body: bytes | bytearray = message.get("body", b"")
    if message.get("more_body"):
        body = bytearray(body)
        while message.get("more_body") and len(body) <= limit:
            message = await receive()
            body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        return None
    if len(body) > limit:
        raise body_too_large(limit)
    return bytes(body)


def body_too_large(limit: int) -> TooLarge:
    return TooLarge("BODY_TOO_LARGE", f"a body may have at most {limit} bytes")
