"""What the session service answers when it refuses.

ParleyError
├── InvalidArgument     ── a field is missing or malformed; named in the message
│   └── OwnNumber
├── NotFound            ── SessionNotFound, NumberNotFound, NoNumber, DeadLetterNotFound
├── AlreadyExists       ── RequestConflict
├── FailedPrecondition  ── OptedOut, OpenSession, SessionEnded, ClockFixed
├── ResourceExhausted   ── Backlogged
└── SubmitRefused       ── told to nobody: by the notifier, to us
"""

from __future__ import annotations

from parley_chassis.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ParleyError,
    ResourceExhausted,
)


class SessionNotFound(NotFound):
    reason = "SESSION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no session has this session_id", field="session_id")


class DeadLetterNotFound(NotFound):
    reason = "DEAD_LETTER_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no dead letter has this message_id", field="message_id")


class NumberNotFound(NotFound):
    reason = "NUMBER_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("the number is not registered: set allow_missing to register it", field="number.number")


class NoNumber(NotFound):
    reason = "NO_NUMBER"

    def __init__(self) -> None:
        super().__init__("no number of this agent can send: register one, or resume sending", field="agent")


class OwnNumber(InvalidArgument):
    reason = "OWN_NUMBER"

    def __init__(self) -> None:
        problem = "participant: one of our own numbers, whose agents would talk to each other"
        super().__init__(problem, field="participant")


class RequestConflict(AlreadyExists):
    reason = "REQUEST_CONFLICT"

    def __init__(self) -> None:
        super().__init__("the request_id was used for another request: use a new one", field="request_id")


class OptedOut(FailedPrecondition):
    reason = "OPTED_OUT"

    def __init__(self) -> None:
        super().__init__("the participant has opted out: nothing may be sent before they text START")


class OpenSession(FailedPrecondition):
    reason = "OPEN_SESSION"

    def __init__(self) -> None:
        super().__init__("a session is open with this participant, and the agent's on_open_session is reject")


class SessionEnded(FailedPrecondition):
    reason = "SESSION_ENDED"

    def __init__(self) -> None:
        super().__init__("the session has ended: the participant's next text, or StartSession, opens another")


class ClockFixed(FailedPrecondition):
    reason = "CLOCK_FIXED"

    def __init__(self) -> None:
        super().__init__("time can only be skipped where PARLEY_TEST_CLOCK=1")


class Backlogged(ResourceExhausted):
    reason = "BACKLOG"

    def __init__(self) -> None:
        super().__init__("more texts wait to be sent from this number than it gets sent: try again later")


class SubmitRefused(ParleyError):
    reason = "SUBMIT_REFUSED"


REFUSALS: dict[
    str, type[NoNumber | OwnNumber | RequestConflict | OptedOut | OpenSession | SessionEnded | Backlogged]
] = {
    error.reason: error
    for error in (NoNumber, OwnNumber, RequestConflict, OptedOut, OpenSession, SessionEnded, Backlogged)
}


def refusal(reason: str) -> ParleyError:
    """The error for a refusal of the rules."""
    return REFUSALS[reason]()
