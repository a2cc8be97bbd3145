"""What a lost answer, a lost commit or a slow notifier must not cost: a reply behind a START, a refusal, the memory."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from parley_chassis.errors import Unavailable
from parley_session.domain.thread import EndReason
from parley_session.handlers.relay_outbox import LIMIT, RelayOutbox
from parley_session.ports import DeliveryRecord, HandOver, Submission
from tests.databases import FreshDatabase
from tests.integration.session.asking import ANNA, REASONS, talk
from tests.integration.session.replica import OURS, Replica, Rows, answer, incoming

SUPPRESSED = 8
MESSAGES_DUE = "UPDATE session.outbox SET next_submit_time = clock_timestamp()"
OPT_OUTS_STORED = "UPDATE session.opt_outs SET next_submit_time = NULL"


async def relayed(replica: Replica) -> list[HandOver]:
    handed_over: list[HandOver] = []
    await RelayOutbox(replica.store, handed_over.append)()
    return handed_over


async def reply_behind_a_start(replica: Replica, rows: Rows) -> None:
    """The notifier knows of the STOP, and of nothing after it."""
    await replica.receive(incoming("S1", "STOP"))
    await rows.all(OPT_OUTS_STORED)
    await replica.receive(incoming("S2", "START"), incoming("S3", "hello"))
    await replica.commit(answer(replica.last, "welcome back"))
    await rows.all(MESSAGES_DUE)


async def test_a_reply_that_is_handed_over_again_brings_the_start_before_it(replica: Replica, rows: Rows) -> None:
    """Alone it would come to a notifier that knows of the STOP only, and never be sent."""
    await reply_behind_a_start(replica, rows)
    (submission,) = await relayed(replica)
    assert isinstance(submission, Submission)
    assert submission == replica.handed_over[-1]
    assert submission.said is not None
    assert (submission.said.scope, submission.said.participant, submission.said.opted_out) == (OURS, ANNA, False)


async def test_what_the_notifier_has_stored_does_not_go_with_every_reply(replica: Replica, rows: Rows) -> None:
    await reply_behind_a_start(replica, rows)
    await rows.all(OPT_OUTS_STORED)
    (submission,) = await relayed(replica)
    assert isinstance(submission, Submission)
    assert submission.said is None


async def test_a_refusal_that_could_not_be_decided_is_decided_when_it_is_told_again(
    replica: Replica, rows: Rows, database: FreshDatabase
) -> None:
    """The delivery's state is committed first: when the session could not be locked, it was not news any more."""
    await talk(replica, rows)
    refusal = DeliveryRecord(replica.handed_over[-1].message_id, SUPPRESSED, "", 21610, datetime.now(UTC))
    async with await psycopg.AsyncConnection.connect(database.session_url) as somebody:
        await somebody.execute("SELECT FROM session.threads FOR UPDATE")
        with pytest.raises(Unavailable):
            await replica.record(refusal)
    assert await rows.one("SELECT delivery_state FROM session.messages WHERE direction = 2") == SUPPRESSED
    await replica.record(refusal)
    assert await rows.all(REASONS) == [(EndReason.OPTED_OUT,)]


async def test_a_refusal_that_is_told_again_after_a_start_changes_nothing(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    refusal = DeliveryRecord(replica.handed_over[-1].message_id, SUPPRESSED, "", 21610, datetime.now(UTC))
    await replica.record(refusal)
    await replica.commit(answer(replica.last))
    await replica.receive(incoming("S2", "START"))
    await replica.receive(incoming("S3", "I am back"))
    await replica.record(refusal)
    assert await rows.all(REASONS) == [(EndReason.OPTED_OUT,), (None,)]


async def test_nothing_is_taken_out_for_a_queue_that_does_not_move(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    await rows.all(MESSAGES_DUE)
    handed_over: list[HandOver] = []
    assert not await RelayOutbox(replica.store, handed_over.append, lambda: LIMIT)()
    assert handed_over == []
    assert len(await relayed(replica)) == 1, "it is still due"
