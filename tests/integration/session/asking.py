"""What callers ask of sessions, and what tests look at to see what became of it."""

from __future__ import annotations

from parley_session.domain.effects import Done
from parley_session.domain.events import (
    EndSession,
    HandOffSession,
    Request,
    ResumeSession,
    SendMessage,
    StartSession,
)
from parley_session.domain.thread import HandOff
from parley_session.handlers.start_sessions import Opening
from parley_session.handlers.take_requests import Asked, Taken
from parley_session.ports import SenderWanted, ThreadKey
from tests.integration.session.replica import Replica, Rows, answer, incoming, key

ANNA, BEN = "+15550111", "+15550112"

OPEN = "SELECT session_id::text FROM session.threads WHERE endpoint = %s AND participant = %s"
REASONS = "SELECT end_reason FROM session.sessions ORDER BY open_time"


def opening(
    request_id: str = "R1",
    text: str = "We are here for you",
    participant: str = ANNA,
    *,
    endpoint: str = "",
    agent: str = "echo",
) -> Opening:
    return Opening(SenderWanted(agent, participant, endpoint), start_session(request_id, text))


def start_session(request_id: str = "R1", text: str = "We are here for you") -> StartSession:
    return StartSession(Request(request_id, text), text)


def writing(session_id: str, text: str, request_id: str = "P1", at: ThreadKey | None = None) -> Asked:
    """A person's text in the session."""
    return Asked(at or key(), SendMessage(Request(request_id, f"{session_id} {text}"), session_id, text))


def ending(session_id: str, at: ThreadKey | None = None) -> Asked:
    return Asked(at or key(), EndSession(session_id))


def handing_off(session_id: str, destination: str = "", reason: str = "") -> Asked:
    return Asked(key(), HandOffSession(session_id, HandOff(destination, reason)))


def resuming(session_id: str) -> Asked:
    return Asked(key(), ResumeSession(session_id))


def done(taken: Taken) -> Done:
    assert isinstance(taken, Done), taken
    return taken


def refused(taken: Taken) -> str:
    """Why it was."""
    return getattr(taken, "reason", f"not refused: {taken}")


async def talk(replica: Replica, rows: Rows, at: ThreadKey | None = None, *, source: str = "S1") -> str:
    """A text and its answer; the id of their session."""
    at = at or key()
    await replica.receive(incoming(source, "hello", at.participant, at.endpoint))
    await replica.commit(answer(replica.last, "hi", state='{"n": 1}'))
    return str(await rows.one(OPEN, at.endpoint, at.participant))
