"""What tests of silence look at: when a session is due, and how it was warned."""

from __future__ import annotations

from datetime import datetime, timedelta

from parley_session.adapters.postgres.clock import PostgresClock
from parley_session.domain.effects import MessageKind
from parley_session.ports import DeliveryRecord
from tests.integration.session.asking import ANNA
from tests.integration.session.replica import Replica, Rows

ACCEPTED, FAILED, SUPPRESSED, CANCELED = 3, 6, 8, 9
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
GRACE = 10 * MINUTE
WARNING = "Are you still there? Reply within 10 minutes to keep this conversation open."
LEFT = """
SELECT s.due_time - session.now() FROM session.sessions s JOIN session.threads t ON t.session_id = s.id
WHERE t.participant = %s
"""
GRACE_END = "SELECT grace_end FROM session.sessions WHERE end_time IS NULL"
WARNED = "SELECT id::text FROM session.messages WHERE kind = %s ORDER BY position"


async def left(rows: Rows, participant: str = ANNA) -> timedelta | None:
    """Until the open session is due, to the second; None for never."""
    found = await rows.one(LEFT, participant)
    assert found is None or isinstance(found, timedelta)
    return None if found is None else timedelta(seconds=round(found.total_seconds()))


def is_about(found: timedelta | None, expected: timedelta) -> bool:
    """Within what a busy machine takes for a few statements."""
    return found is not None and expected - timedelta(seconds=30) < found <= expected + timedelta(seconds=1)


async def warnings(rows: Rows) -> list[str]:
    return [str(message_id) for (message_id,) in await rows.all(WARNED, MessageKind.WARNING.value)]


async def warn(replica: Replica, rows: Rows, clock: PostgresClock) -> str:
    """Lets a day pass; the id of the warning."""
    await clock.skip(DAY)
    await replica.time_out()
    return (await warnings(rows))[-1]


async def warn_and_accept(replica: Replica, rows: Rows, clock: PostgresClock) -> datetime:
    """The end of the grace that begins with the provider's word."""
    message_id = await warn(replica, rows, clock)
    await replica.record(DeliveryRecord(message_id, ACCEPTED))
    grace_end = await rows.one(GRACE_END)
    assert isinstance(grace_end, datetime)
    return grace_end
