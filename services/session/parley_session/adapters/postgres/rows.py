"""Translates between the rows of the hot statements and the values of the rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import orjson

from parley_chassis.postgres.pool import Row
from parley_session.domain.effects import Decision, InboundMessage, OutboundMessage, TurnChange
from parley_session.domain.thread import (
    AgentSettings,
    EndReason,
    Greeting,
    Opening,
    Session,
    Text,
    Thread,
    Turn,
    TurnKind,
)

INBOUND, OUTBOUND = 1, 2
PENDING = 1
"""Delivery state of a message that has just been committed."""


def dump(rows: Iterable[dict[str, Any]]) -> str:
    return orjson.dumps(list(rows)).decode()


def settings_to_json(settings: AgentSettings) -> dict[str, Any]:
    return {
        "greeting": settings.greeting.value,
        "settle": settings.settle.total_seconds(),
        "fallback_text": settings.fallback_text,
    }


def settings_from_json(text: str) -> AgentSettings:
    values = orjson.loads(text)
    return AgentSettings(Greeting(values["greeting"]), timedelta(seconds=values["settle"]), values["fallback_text"])


def thread_from_row(row: Row) -> Thread:
    """A thread from a row of `read`, whose columns stand in this order."""
    identity, channel, endpoint, participant, last_position, last_inbound, taken, last_seq = row[:8]
    texts, agent, agent_settings = row[26:29]
    return Thread(
        identity,
        channel,
        endpoint,
        participant,
        last_position,
        last_inbound,
        taken,
        last_seq,
        _session(row[8:15]),
        _turn(row[15:26]),
        _waiting(texts) if texts else (),
        _opening(agent, agent_settings) if agent else None,
    )


def _waiting(texts: str) -> tuple[Text, ...]:
    return tuple(
        Text(position, text, tuple(media_urls or ()), traceparent)
        for position, text, media_urls, traceparent in orjson.loads(texts)
    )


def _opening(agent: str, settings: str | None) -> Opening:
    return Opening(agent, settings_from_json(settings) if settings else AgentSettings())


def _session(row: Row) -> Session | None:
    if row[0] is None:
        return None
    identity, agent, settings, first_position, started, state, end_reason = row
    return Session(
        identity,
        agent,
        settings_from_json(settings),
        first_position,
        started,
        state,
        EndReason(end_reason) if end_reason else None,
    )


def _turn(row: Row) -> Turn | None:
    if row[0] is None:
        return None
    identity, session_id, kind, *rest = row
    return Turn(identity, session_id, TurnKind(kind), *rest)


def thread_row(decision: Decision) -> dict[str, Any]:
    thread = decision.thread
    return {
        "id": thread.id,
        "session_id": thread.session.id if thread.session else None,
        "last_position": thread.last_position,
        "last_inbound": thread.last_inbound,
        "taken": thread.taken,
        "last_seq": thread.last_seq,
    }


def session_row(thread_id: str, session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "thread_id": thread_id,
        "agent": session.agent,
        "settings": settings_to_json(session.settings),
        "first_position": session.first_position,
        "started": session.started,
        "state": session.state,
        "end_reason": session.end_reason.value if session.end_reason else None,
    }


def turn_row(thread_id: str, change: TurnChange) -> dict[str, Any]:
    turn = change.turn
    return {
        "id": turn.id,
        "thread_id": thread_id,
        "session_id": turn.session_id,
        "kind": turn.kind.value,
        "claimed": turn.claimed,
        "fence": turn.fence,
        "attempt": turn.attempt,
        "first_position": turn.first_position,
        "last_position": turn.last_position,
        "wake_time": turn.wake_time,
        "away_since": turn.away_since,
        "outcome": change.outcome.value if change.outcome else None,
        "traceparent": turn.traceparent,
    }


def inbound_row(thread_id: str, message: InboundMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "thread_id": thread_id,
        "session_id": message.session_id,
        "position": message.position,
        "direction": INBOUND,
        "text": message.text,
        "media_urls": list(message.media_urls) or None,
        "seq": 0,
        "delivery_state": 0,
        "source_id": message.source_id,
        "fallback": False,
        "traceparent": message.traceparent,
    }


def outbound_row(thread_id: str, message: OutboundMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "thread_id": thread_id,
        "session_id": message.session_id,
        "turn_id": message.turn_id,
        "position": message.position,
        "direction": OUTBOUND,
        "text": message.text,
        "seq": message.seq,
        "delivery_state": PENDING,
        "fallback": message.fallback,
        "traceparent": message.traceparent,
    }
