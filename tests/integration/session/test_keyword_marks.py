"""Keywords of a customer's own: only the webhook says what they are, and the provider's list may be quicker."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from parley_session.domain.keywords import Keyword
from parley_session.domain.thread import EndReason
from parley_session.handlers.receive_messages import Incoming, Outcome
from tests.integration.session.asking import REASONS, talk
from tests.integration.session.replica import Replica, Rows, incoming


@pytest.fixture(autouse=True)
async def own_keywords(rows: Rows) -> None:
    await rows.all("UPDATE session.numbers SET keywords = 2, ingest_from = now() - interval '1 hour'")


async def both_ways(rows: Rows, source: str, text: str, keyword: Keyword) -> tuple[Incoming, Incoming]:
    """The text as the list has it, and as the webhook brings it."""
    now = await rows.one("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    item = incoming(source, text)
    listed = replace(item.event, receive_time=now.replace(microsecond=0), fetched=True)
    return Incoming(item.key, listed), Incoming(item.key, replace(item.event, receive_time=now, stated=keyword))


async def test_a_stop_that_the_list_showed_first_is_one_when_its_webhook_comes(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    listed, told = await both_ways(rows, "S2", "basta", Keyword.STOP)
    assert (await replica.receive(listed))[0].outcome is Outcome.ACCEPTED
    assert (await replica.receive(told))[0].outcome is Outcome.DUPLICATE
    assert await rows.all(REASONS) == [(EndReason.OPTED_OUT,)]
    assert await rows.one("SELECT ignore_reason FROM session.messages WHERE source_id = 'S2'") == "opted_out"


async def test_a_start_that_the_list_showed_first_is_one_when_its_webhook_comes(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1", "STOP"))
    listed, told = await both_ways(rows, "S2", "again", Keyword.START)
    # As late as the list can be: its times are whole seconds.
    await rows.all("UPDATE session.opt_outs SET stop_time = stop_time - interval '1 minute'")
    assert (await replica.receive(listed))[0].outcome is Outcome.IGNORED
    assert (await replica.receive(told))[0].outcome is Outcome.DUPLICATE
    assert (await replica.receive(incoming("S3", "hello")))[0].outcome is Outcome.ACCEPTED


async def test_a_webhook_that_comes_twice_says_nothing_new(replica: Replica, rows: Rows) -> None:
    _, stop = await both_ways(rows, "S1", "basta", Keyword.STOP)
    _, start = await both_ways(rows, "S2", "again", Keyword.START)
    for item in (stop, start, stop, start, stop):
        await replica.receive(item)
    assert (await replica.receive(incoming("S3", "hello")))[0].outcome is Outcome.ACCEPTED
