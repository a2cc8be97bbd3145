"""How a turn, or an agent, can fail. The session service reads the status: see the table in agent_service.proto.

ParleyError
├── InvalidArgument                    the request lacks a field; named in the message
├── NotFound           ── AgentNotFound
├── ResourceExhausted  ── AgentFull    the turn was never begun
├── Unavailable        ── AgentAway    the turn was never begun
├── TurnTimedOut                       the worker was killed
└── AgentFailed                        the agent's code raised, died, or returned what cannot be used
"""

from __future__ import annotations

import grpc

from parley_chassis.errors import NotFound, ParleyError, ResourceExhausted, Unavailable


class AgentNotFound(NotFound):
    reason = "AGENT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no agent of this name is served here: see PARLEY_AGENT_DIRECTORY", field="agent")


class AgentFull(ResourceExhausted):
    reason = "AGENT_FULL"


class AgentAway(Unavailable):
    reason = "AGENT_AWAY"


class TurnTimedOut(ParleyError):
    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "TURN_TIMED_OUT"


class AgentFailed(ParleyError):
    """`frames` are places in the agent's code, for its developer's log; they hold no values."""

    reason = "AGENT_FAILED"

    def __init__(self, message: str, frames: list[str] | None = None) -> None:
        super().__init__(message)
        self.frames = frames or []
