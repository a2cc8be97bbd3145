"""Batches that bring first texts of threads together with opt-outs of other participants do not wait in a circle."""

from __future__ import annotations

import asyncio

from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import Rows, Thread
from tests.integration.notifier.processes import process_on, submission, wish

ROUNDS = 30


async def test_first_texts_and_opt_outs_of_each_others_participants_meet_without_harm(
    database: FreshDatabase, rows: Rows
) -> None:
    async with process_on(database.notifier_url) as one, process_on(database.notifier_url) as other:
        for number in range(ROUNDS):
            ann, bob = Thread(f"+1444{number:07d}"), Thread(f"+1333{number:07d}")
            await asyncio.gather(
                one.facts(submission(ann.text()), wish(bob)), other.facts(submission(bob.text()), wish(ann))
            )
    assert await rows.one("SELECT count(*) FROM notifier.opt_outs") == 2 * ROUNDS
