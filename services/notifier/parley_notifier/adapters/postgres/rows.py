"""Translates between rows and the values of the domain. Times are seconds of the database's clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from parley_chassis.postgres.pool import Row
from parley_notifier.domain.delivery import Delivery, State
from parley_notifier.domain.facts import Attempt, Report, Submission
from parley_notifier.domain.lane import Lane
from parley_notifier.domain.opt_out import OptOut, OptOutKey
from parley_notifier.domain.reports import record_of
from parley_notifier.domain.sender import Sender
from parley_notifier.ports import Registered, Unrecorded

STATES = {state.value: state for state in State}


def dump(rows: Iterable[dict[str, Any]]) -> str:
    return orjson.dumps(list(rows)).decode()


def ids(values: Iterable[str]) -> str:
    """An array of UUIDs as PostgreSQL writes it: much cheaper to pass than a list."""
    return "{" + ",".join(values) + "}"


def lane_of(row: Row) -> Lane:
    """From a row of `read_lanes`."""
    lane = Lane(*row[1:7])
    lane.opt_out_scope = row[7]
    return lane


def opt_out_of(lane: Lane, row: Row) -> OptOut | None:
    """From a row of `read_lanes`: what the lane's participant said last."""
    return None if row[8] is None else OptOut(*lane.opt_out_key, opted_out=row[8], event_time=row[9])


def sender_of(lane: Lane, row: Row) -> Sender | None:
    """From a row of `read_lanes`: what holds the lane's sender back, if anything does."""
    return None if row[10] is None else Sender(lane.sender, *row[10:13])


def delivery_of(thread_id: str, columns: Sequence[Any]) -> Delivery:
    """From the columns of a delivery, `id` to `paced`."""
    (
        id_,
        seq,
        text,
        state,
        canceled,
        attempt,
        owner,
        started_time,
        due_time,
        absent_time,
        sid,
        status,
        error_code,
        traceparent,
        at_most_once,
        expire_time,
        paced,
    ) = columns
    return Delivery(
        id=id_,
        thread_id=thread_id,
        seq=seq,
        text=text,
        state=STATES[state],
        attempt=attempt,
        owner=owner,
        started_time=started_time,
        due_time=due_time,
        absent_time=absent_time,
        sid=sid,
        status=status,
        error_code=error_code,
        canceled=canceled,
        traceparent=traceparent,
        at_most_once=at_most_once,
        expire_time=expire_time,
        paced=paced,
    )


def unrecorded_of(row: Row) -> Unrecorded:
    delivery_id, times, sender, state, sid, status, error_code, started_time = row
    delivery = Delivery(delivery_id, "", 0, "", STATES[state], started_time=started_time, sid=sid, status=status)
    delivery.error_code = error_code
    return Unrecorded(delivery_id, record_of(delivery, sender), times)


def dump_pairs(submissions: Iterable[Submission]) -> str:
    """The lanes that these texts need, each once; the first text of a thread says whose it is."""
    pairs: dict[str, Submission] = {}
    for submission in submissions:
        pairs.setdefault(submission.thread_id, submission)
    return dump(
        {
            "thread_id": thread_id,
            "sender": first.sender,
            "participant": first.participant,
            "opt_out_scope": first.opt_out_scope,
        }
        for thread_id, first in pairs.items()
    )


def dump_keys(keys: Iterable[OptOutKey]) -> str:
    return dump({"scope": scope, "participant": participant} for scope, participant in keys)


def opt_out_row(opt_out: OptOut) -> dict[str, Any]:
    return {
        "scope": opt_out.scope,
        "participant": opt_out.participant,
        "opted_out": opt_out.opted_out,
        "event_time": opt_out.event_time,
    }


def lane_row(lane: Lane) -> dict[str, Any]:
    return {
        "thread_id": lane.thread_id,
        "next_seq": lane.next_seq,
        "in_flight": lane.in_flight,
        # JSON has no such number, and PostgreSQL reads it from a text.
        "wake_time": "Infinity" if lane.wake_time == math.inf else lane.wake_time,
        "opt_out_scope": lane.opt_out_scope,
    }


def new_delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "thread_id": delivery.thread_id,
        "seq": delivery.seq,
        "text": delivery.text,
        "segments": delivery.segments,
        "state": delivery.state,
        "canceled": delivery.canceled,
        "attempt": delivery.attempt,
        "owner": delivery.owner,
        "started_time": delivery.started_time,
        "due_time": delivery.due_time,
        "traceparent": delivery.traceparent,
        "create_time": delivery.create_time,
        "at_most_once": delivery.at_most_once,
        "expire_time": delivery.expire_time,
        "paced": delivery.paced,
    }


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "state": delivery.state,
        "canceled": delivery.canceled,
        "attempt": delivery.attempt,
        "owner": delivery.owner,
        "started_time": delivery.started_time,
        "due_time": delivery.due_time,
        "absent_time": delivery.absent_time,
        "sid": delivery.sid,
        "status": delivery.status,
        "error_code": delivery.error_code,
        "paced": delivery.paced,
    }


def sender_row(sender: Sender) -> dict[str, Any]:
    return {"sender": sender.number, "next_time": sender.next_time}


def registered_row(number: Registered) -> dict[str, Any]:
    return {
        "sender": number.number,
        "sending_paused": number.sending_paused,
        "segments_per_second": number.segments_per_second,
        "update_time": number.update_time,
    }


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery_id": attempt.claim.delivery_id,
        "attempt": attempt.claim.attempt,
        "started_time": attempt.started_time,
        "finished_time": attempt.finished_time,
        "outcome": attempt.outcome.name,
        "http_status": attempt.answer.http_status,
        "error_code": attempt.answer.error_code,
        "sid": attempt.answer.sid,
        "request_id": attempt.answer.request_id,
    }


def report_row(report: Report) -> dict[str, Any]:
    return {
        "message_sid": report.message_sid,
        "status": report.status,
        "delivery_id": report.delivery_id,
        "error_code": report.error_code,
        "receive_time": report.receive_time,
    }
