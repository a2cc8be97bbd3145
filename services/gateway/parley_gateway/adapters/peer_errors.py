"""Turns the failure of a gRPC call into an error of ours that keeps its status and none of its text."""

from __future__ import annotations

import grpc

from parley_chassis.errors import ParleyError
from parley_gateway.errors import PeerAway, PeerFailed

# The request itself may be the cause, so that its items are worth another try apart from each other.
OF_THE_REQUEST = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNKNOWN})


def peer_error(peer: str, error: grpc.aio.AioRpcError) -> ParleyError:
    """`peer` is the service's name."""
    code = error.code()
    reason = f"{peer.upper()}_{code.name}"
    if code in OF_THE_REQUEST:
        return PeerFailed(f"the {peer} service failed", reason=reason)
    return PeerAway(f"the {peer} service did not answer", reason=reason)
