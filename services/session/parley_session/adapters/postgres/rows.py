"""Translates between the rows of the hot statements and the values of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from parley_chassis.postgres.pool import Row
from parley_session.domain.draft import PENDING
from parley_session.domain.effects import Decision, Done, Ignore, InboundMessage, OutboundMessage, TurnChange
from parley_session.domain.keywords import KeywordMode
from parley_session.domain.opt_out import NEVER_SAID, OptOut
from parley_session.domain.pace import AT_REST, Pace
from parley_session.domain.settings import resolve, settings_of
from parley_session.domain.thread import (
    SMS,
    WEB_CHAT,
    EndReason,
    HandOff,
    Opening,
    Session,
    Text,
    Thread,
    Turn,
    TurnKind,
)

INBOUND, OUTBOUND = 1, 2


def dump(rows: Iterable[dict[str, Any]]) -> str:
    return dump_json(list(rows))


def dump_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def thread_from_row(row: Row) -> Thread:
    """A thread from a row of `read`, whose columns stand in this order."""
    identity, channel, endpoint, participant, last_position, last_inbound, taken, last_seq, active_time, pace = row[:10]
    texts, endings, warning_state, from_our_number = row[47:51]
    return Thread(
        identity,
        channel,
        endpoint,
        participant,
        last_position,
        last_inbound,
        taken,
        last_seq,
        active_time,
        _pace(pace) if pace else AT_REST,
        _session(row[10:24]),
        _endings(endings) if endings else (),
        _turn(row[24:35]),
        _waiting(texts) if texts else (),
        _opening(channel, row[35:43]),
        OptOut(*row[43:47]) if row[44] is not None else NEVER_SAID,
        warning_state,
        from_our_number,
    )


def _pace(text: str) -> Pace:
    texts, turns, blocked_until = orjson.loads(text)
    return Pace(tuple((moment, checksum) for moment, checksum in texts), tuple(turns), blocked_until)


def _waiting(texts: str) -> tuple[Text, ...]:
    return tuple(
        Text(position, text, tuple(media_urls or ()), traceparent)
        for position, text, media_urls, traceparent in orjson.loads(texts)
    )


def _opening(channel: int, row: Row) -> Opening | None:
    number, described, agent, agent_wishes, number_wishes, scope, keywords, ingest_from = row
    wishes = orjson.loads(agent_wishes) if agent_wishes else {}
    if channel == WEB_CHAT:
        return Opening(described, wishes) if described else None
    if number is None:
        return None
    merged = resolve(wishes, orjson.loads(number_wishes))
    return Opening(agent, merged, scope, KeywordMode(keywords), ingest_from)


def _session(row: Row) -> Session | None:
    if row[0] is None:
        return None
    identity, agent, wishes, first_position, started, state, outbound, engaged, handed_off, *rest = row
    destination, reason, warning_id, grace_end, due_time = rest
    pinned = orjson.loads(wishes)
    return Session(
        identity,
        agent,
        pinned,
        settings_of(pinned),
        first_position,
        started,
        state,
        None,
        outbound,
        engaged,
        HandOff(destination, reason) if handed_off else None,
        warning_id,
        grace_end,
        due_time,
    )


def _endings(text: str) -> tuple[Session, ...]:
    return tuple(
        Session(
            identity, agent, wishes, settings_of(wishes), first, started, state, EndReason(reason), outbound, engaged
        )
        for identity, agent, wishes, first, started, state, reason, outbound, engaged in orjson.loads(text)
    )


def _turn(row: Row) -> Turn | None:
    if row[0] is None:
        return None
    identity, session_id, kind, *rest = row
    return Turn(identity, session_id, TurnKind(kind), *rest)


def thread_row(decision: Decision) -> dict[str, Any]:
    thread = decision.thread
    pace = thread.pace
    return {
        "id": thread.id,
        "session_id": thread.session.id if thread.session else None,
        "last_position": thread.last_position,
        "last_inbound": thread.last_inbound,
        "taken": thread.taken,
        "last_seq": thread.last_seq,
        "active_time": thread.active_time,
        "endings": len(thread.endings),
        "pace": dump_json((pace.texts, pace.turns, pace.blocked_until)) if pace != AT_REST else "",
    }


def session_row(thread: Thread, session: Session) -> dict[str, Any]:
    hand_off = session.hand_off
    return {
        "id": session.id,
        "thread_id": thread.id,
        "agent": session.agent,
        "settings": session.wishes,
        "first_position": session.first_position,
        "started": session.started,
        "state": session.state,
        "end_reason": session.end_reason.value if session.end_reason else None,
        "outbound": session.outbound,
        "engaged": session.engaged,
        "handed_off": hand_off is not None,
        "hand_off_destination": hand_off.destination if hand_off else "",
        "hand_off_reason": hand_off.reason if hand_off else "",
        "warning_id": session.warning_id,
        "grace_end": session.grace_end,
        "due_time": session.due_time,
        "awaits_coverage": session.grace_end is not None and thread.channel == SMS,
        "end_owed": any(ending.id == session.id for ending in thread.endings),
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
        "ignore_reason": message.ignore_reason,
        "kind": 0,
        "traceparent": message.traceparent,
    }


def outbound_row(thread: Thread, message: OutboundMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "thread_id": thread.id,
        "session_id": message.session_id,
        "turn_id": message.turn_id,
        "position": message.position,
        "direction": OUTBOUND,
        "text": message.text,
        "seq": message.seq,
        # Only text messages have deliveries.
        "delivery_state": PENDING if thread.channel == SMS else 0,
        "kind": message.kind.value,
        "traceparent": message.traceparent,
    }


def outbox_row(message: OutboundMessage) -> dict[str, Any]:
    return {"id": message.id, "expire_time": message.expire_time, "at_most_once": message.at_most_once}


def attach_row(decision: Decision) -> dict[str, Any] | None:
    for session in decision.sessions:
        if session.id == decision.attach:
            return {
                "thread_id": decision.thread.id,
                "session_id": session.id,
                "first_position": session.first_position,
            }
    return None


def ignore_row(thread_id: str, ignore: Ignore) -> dict[str, Any]:
    return {"thread_id": thread_id, "first": ignore.first, "last": ignore.last, "reason": ignore.reason}


def cancel_rows(decision: Decision) -> list[dict[str, Any]]:
    thread_id = decision.thread.id
    if decision.cancel_all:
        return [{"thread_id": thread_id, "message_id": None}]
    return [{"thread_id": thread_id, "message_id": message_id} for message_id in decision.cancel]


def opt_out_stages(decisions: Iterable[Decision]) -> Iterator[list[dict[str, Any]]]:
    """To be written one after the other; there is one, but where something was taken back to an earlier moment.

    Each stage has all the rows, so that the first locks them in their order.
    """
    ways = [
        (d.thread, tuple(dict.fromkeys((*d.corrections, d.thread.opt_out)))) for d in decisions if d.opt_out_changed
    ]
    for stage in range(max((len(way) for _, way in ways), default=0)):
        yield _opt_out_rows((thread, way[min(stage, len(way) - 1)]) for thread, way in ways)


def _opt_out_rows(heard: Iterable[tuple[Thread, OptOut]]) -> list[dict[str, Any]]:
    """One for each scope and participant: threads of one batch may share it. What was said last counts."""
    found: dict[tuple[str, str], OptOut] = {}
    for thread, opt_out in heard:
        name = (thread.opt_out_scope, thread.participant)
        found[name] = found[name].merge(opt_out) if name in found else opt_out
    return [
        {
            "scope": scope,
            "participant": participant,
            "stop_time": opt_out.stop_time,
            "stop_source": opt_out.stop_source,
            "start_time": opt_out.start_time,
            "start_source": opt_out.start_source,
        }
        for (scope, participant), opt_out in found.items()
    ]


def request_row(done: Done) -> dict[str, Any]:
    return {
        "id": done.request.id,
        "fingerprint": done.request.fingerprint,
        "session_id": done.session_id,
        "message_id": done.message_id,
    }
