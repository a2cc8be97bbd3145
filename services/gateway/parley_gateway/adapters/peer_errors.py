"""Turns the failure of a gRPC call into an error of ours that keeps its status and none of its text."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from parley_chassis.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ParleyError,
    ResourceExhausted,
)
from parley_gateway.domain.api_fields import wrong
from parley_gateway.errors import PeerAway, PeerFailed

# The request itself may be the cause, so that its items are worth another try apart from each other.
OF_THE_REQUEST = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNKNOWN})

REFUSALS: dict[grpc.StatusCode, tuple[Callable[..., ParleyError], str]] = {
    grpc.StatusCode.NOT_FOUND: (NotFound, "there is no such thing"),
    grpc.StatusCode.FAILED_PRECONDITION: (FailedPrecondition, "this cannot be done as things stand"),
    grpc.StatusCode.ALREADY_EXISTS: (AlreadyExists, "the request was made before, as another"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (ResourceExhausted, "too much at once; try again in a moment"),
}
SENTENCES = {
    "SESSION_NOT_FOUND": "no session has this session_id",
    "DEAD_LETTER_NOT_FOUND": "no dead letter has this message_id",
    "NO_NUMBER": "the agent has no number that can send this",
    "OPTED_OUT": "the participant has opted out of texts from this number",
    "OPEN_SESSION": "the participant has an open session, and the agent's settings say to let it be",
    "SESSION_ENDED": "the session has ended",
    "BACKLOG": "more texts wait to be sent from this number than it gets sent; try again later",
    "REQUEST_CONFLICT": "the Idempotency-Key belongs to another request: use a new one",
}


def peer_error(peer: str, error: grpc.aio.AioRpcError) -> ParleyError:
    """`peer` is the service's name."""
    code = error.code()
    reason = f"{peer.upper()}_{code.name}"
    if code in OF_THE_REQUEST:
        return PeerFailed(f"the {peer} service failed", reason=reason)
    return PeerAway(f"the {peer} service did not answer", reason=reason)


def api_error(peer: str, error: grpc.aio.AioRpcError, reason: str = "", field: str = "") -> ParleyError:
    """As `peer_error`, but a refusal stays one, in words for a caller of the HTTP API. `field` is in its terms."""
    code = error.code()
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        if field == "X-TOKEN-ID":
            return NotFound("no agent has this name", reason="NO_AGENT", field=field)
        return InvalidArgument(wrong(field), field=field)
    if code in REFUSALS:
        kind, sentence = REFUSALS[code]
        return kind(SENTENCES.get(reason, sentence), reason=reason or None, field=field)
    return peer_error(peer, error)
