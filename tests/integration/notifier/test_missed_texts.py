"""Texts whose webhooks never came: found in Twilio's list, handed over in their order, and none of them lost."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from parley.channel.v1.channel_pb2 import CHANNEL_SMS
from parley.session.v1 import session_pb2
from parley_notifier.adapters.postgres.store import PostgresCoverage
from parley_notifier.domain.coverage import TRIES
from parley_simulator.simulator import Simulator
from tests.databases import FreshDatabase
from tests.integration.notifier.conftest import SENDER, Rows, Start, eventually
from tests.integration.notifier.peers import SessionPeer, TwilioPeer, seconds
from tests.integration.notifier.processes import process_on

OFTEN: Mapping[str, float] = {"list_interval": 0.1, "timeout_poll": 0.02, "coverage_lag": 0.0}
PATIENT: Mapping[str, float] = {"read_timeout": 10, "send_timeout": 12, "margin": 13, "lease": 30, "settle": 60}
LISTED = "SELECT date_part('epoch', listed_time) FROM notifier.coverage"
HOURS = 3600.0


async def listed_once(start: Start, twilio: TwilioPeer) -> None:
    """A first list has been read, by a process that is gone."""
    async with start(twilio_url=twilio.url, **OFTEN):
        await twilio.wait_for_lists(2)


async def set_back(rows: Rows, hours: float) -> None:
    """As if the last list had been read so long ago."""
    await rows.connection.execute(
        "UPDATE notifier.coverage SET start_time = now() - interval '9 days', lease_until = now(), "
        "listed_time = now() - make_interval(secs => %s)",
        (hours * HOURS,),
    )


async def test_a_text_that_was_missed_is_handed_over_as_twilio_has_it(
    start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    twilio.text("from us", direction="outbound-api")
    sid = twilio.text("a text", sender="+15550100007")
    twilio.text("half of a", status="receiving")
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: bool(session.received))
        await twilio.wait_for_lists(len(twilio.asked) + 2)
    (message,) = session.received
    assert (message.source_id, message.text, message.channel, message.fetched) == (sid, "a text", CHANNEL_SMS, True)
    assert (message.endpoint, message.participant) == ("+15550001111", "+15550100007")
    assert abs(seconds(message.receive_time) - time.time()) < 60
    assert list(message.media_urls) == []


async def test_a_text_with_media_says_where_they_are_listed(
    start: Start, session: SessionPeer, twilio: TwilioPeer, simulator: Simulator
) -> None:
    sid = twilio.text("", num_media="2")
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: bool(session.received))
    account = simulator.account_sid
    assert list(session.received[0].media_urls) == [
        f"{twilio.url}/2010-04-01/Accounts/{account}/Messages/{sid}/Media.json"
    ]


async def test_what_came_before_the_installation_is_left_alone(
    start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    twilio.text("long ago", ago=HOURS)
    twilio.text("a minute ago", ago=60)
    async with start(twilio_url=twilio.url, **OFTEN):
        await twilio.wait_for_lists(3)
        twilio.text("now")
        await session.wait_until(lambda: bool(session.received))
        await twilio.wait_for_lists(len(twilio.asked) + 2)
    assert session.texts() == ["now"]


async def test_an_outage_of_hours_is_read_back_whole_and_in_order(
    start: Start, session: SessionPeer, twilio: TwilioPeer, rows: Rows
) -> None:
    await listed_once(start, twilio)
    await set_back(rows, hours=3)
    for text, ago in (("2 h", 2.0), ("1 h", 1.0), ("too old", 3.2), ("in the overlap", 3.1), ("now", 0.0)):
        twilio.text(text, ago * HOURS)
    for number in range(30):
        twilio.text(f"ours {number}", number / 10 * HOURS, direction="outbound-api")
    twilio.page_size = 4
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: len(session.received) >= 4)
        await eventually(lambda: rows.one("SELECT listed_time > now() - interval '1 min' FROM notifier.coverage"))
    assert session.texts() == ["in the overlap", "2 h", "1 h", "now"]


async def test_nothing_older_than_a_day_is_fetched(
    start: Start, session: SessionPeer, twilio: TwilioPeer, rows: Rows
) -> None:
    await listed_once(start, twilio)
    await set_back(rows, hours=72)
    twilio.text("25 h", 25 * HOURS)
    twilio.text("23 h", 23 * HOURS)
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: bool(session.received))
        await twilio.wait_for_lists(len(twilio.asked) + 2)
    assert session.texts() == ["23 h"]


async def test_what_was_handed_over_is_not_again(start: Start, session: SessionPeer, twilio: TwilioPeer) -> None:
    twilio.text("first")
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: session.texts() == ["first"])
        await twilio.wait_for_lists(len(twilio.asked) + 3)
        twilio.text("second")
        await session.wait_until(lambda: len(session.received) > 1)
        await twilio.wait_for_lists(len(twilio.asked) + 3)
    assert session.texts() == ["first", "second"]


async def test_texts_that_are_not_taken_midway_are_handed_over_again_and_the_others_not(
    start: Start, session: SessionPeer, twilio: TwilioPeer, rows: Rows
) -> None:
    sids = [twilio.text(f"text {number}") for number in range(450)]
    session.room = 1
    async with start(twilio_url=twilio.url, **OFTEN):
        await twilio.wait_for_lists(4)
        assert session.covered_times == []
        assert await rows.one("SELECT listed_time = start_time FROM notifier.coverage"), "it was not read whole"
        session.room = None
        await session.wait_until(lambda: bool(session.covered_times))
        assert await rows.one("SELECT listed_time > start_time FROM notifier.coverage")
    assert session.batches == [200, 200, 50]
    assert [message.source_id for message in session.received] == sids


@pytest.mark.parametrize("outcome", ["FAILED", "UNSPECIFIED"])
async def test_a_text_that_the_session_service_could_not_store_is_not_covered(
    outcome: str, start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    good, bad = twilio.text("good"), twilio.text("bad")
    session.outcomes[bad] = session_pb2.ReceiveResult.Outcome.Value(f"OUTCOME_{outcome}")
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: session.texts()[:5] == ["good", "bad", "bad", "bad", "bad"])
        assert session.covered_times == []
        del session.outcomes[bad]
        await session.wait_until(lambda: bool(session.covered_times))
    assert [message.source_id for message in session.received].count(good) == 1


async def test_a_text_that_can_never_be_stored_does_not_hold_up_the_others_for_ever(
    start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    bad = twilio.text("bad")
    session.outcomes[bad] = session_pb2.ReceiveResult.OUTCOME_FAILED
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: bool(session.covered_times))
    assert session.texts() == ["bad"] * TRIES


async def test_a_text_to_a_number_that_is_not_registered_yet_is_handed_over_when_it_is(
    start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    early = twilio.text("early")
    session.outcomes[early] = session_pb2.ReceiveResult.OUTCOME_UNKNOWN_NUMBER
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: len(session.texts()) >= 2 and bool(session.covered_times))
        del session.outcomes[early]
        handed = len(session.texts())
        await session.wait_until(lambda: len(session.texts()) > handed)
        await twilio.wait_for_lists(len(twilio.asked) + 2)
    assert set(session.texts()) == {"early"}


@pytest.mark.parametrize("outcome", ["ACCEPTED", "DUPLICATE", "IGNORED", "INVALID"])
async def test_a_text_that_is_settled_is_covered(
    outcome: str, start: Start, session: SessionPeer, twilio: TwilioPeer
) -> None:
    session.outcomes[twilio.text("settled")] = session_pb2.ReceiveResult.Outcome.Value(f"OUTCOME_{outcome}")
    async with start(twilio_url=twilio.url, **OFTEN):
        await session.wait_until(lambda: bool(session.covered_times))
        await twilio.wait_for_lists(len(twilio.asked) + 2)
    assert session.texts() == ["settled"]


@pytest.mark.parametrize("failing_page", [0, 1])
async def test_a_list_that_fails_covers_nothing(
    failing_page: int,
    start: Start,
    session: SessionPeer,
    twilio: TwilioPeer,
    rows: Rows,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number in range(5):
        twilio.text(f"text {number}")
    twilio.page_size, twilio.failing_page = 2, failing_page
    async with start(twilio_url=twilio.url, **OFTEN):
        await twilio.wait_for_lists(4)
        assert session.covered_times == []
        assert await rows.one("SELECT listed_time = start_time FROM notifier.coverage")
        assert caplog.messages.count("fetch_missed_failed") == 1
        twilio.failing_page = None
        await session.wait_until(lambda: bool(session.covered_times))
    assert session.texts() == [f"text {number}" for number in range(5)]


async def test_one_process_at_a_time_reads_the_list(start: Start, session: SessionPeer, twilio: TwilioPeer) -> None:
    twilio.answering.clear()
    settings = {"twilio_url": twilio.url, **OFTEN, **PATIENT}
    async with start(**settings), start(**settings):
        await twilio.wait_for_lists(1)
        seen = len(session.time_outs)
        await session.wait_until(lambda: len(session.time_outs) > seen + 40)
        assert len(twilio.asked) == 1
        twilio.answering.set()
        await twilio.wait_for_lists(4)


async def test_a_lease_that_ran_out_is_taken_over(
    start: Start, session: SessionPeer, twilio: TwilioPeer, rows: Rows
) -> None:
    await listed_once(start, twilio)
    await rows.connection.execute(
        "UPDATE notifier.coverage SET owner = 'dead', lease_until = now() + interval '1 h', "
        "listed_time = now() - interval '1 h'"
    )
    lists = len(twilio.asked)
    async with start(twilio_url=twilio.url, **OFTEN):
        seen = len(session.time_outs)
        await session.wait_until(lambda: len(session.time_outs) > seen + 20)
        assert len(twilio.asked) == lists
        await rows.connection.execute("UPDATE notifier.coverage SET lease_until = now()")
        await twilio.wait_for_lists(lists + 1)


async def test_a_lease_belongs_to_one_and_ends_with_the_list(database: FreshDatabase, rows: Rows) -> None:
    async with process_on(database.notifier_url) as process:
        coverage = PostgresCoverage(process.store._database, "AC1")
        assert await coverage.take_coverage("a", 60.0, 0.0)
        assert await coverage.take_coverage("b", 60.0, 0.0) is None
        assert await coverage.take_coverage("a", 60.0, 0.0), "its own it takes again"
        assert await coverage.keep_coverage("a", 60.0)
        assert not await coverage.keep_coverage("b", 60.0)
        listed_time = await rows.one(LISTED)
        await coverage.end_coverage("b", listed_time + 5.0)
        assert await rows.one(LISTED) == listed_time
        await coverage.end_coverage("a", None)
        assert await rows.one(LISTED) == listed_time
        turn = await coverage.take_coverage("b", 60.0, 0.0)
        assert turn is not None
        await coverage.end_coverage("b", turn.now)
        assert await rows.one(LISTED) == turn.now
        assert await coverage.take_coverage("a", 60.0, 60.0) is None, "it was read a moment ago"


async def test_a_text_whose_webhook_was_lost_arrives_all_the_same(
    start: Start, session: SessionPeer, simulator: Simulator
) -> None:
    simulator.add_number(SENDER, sms_url="http://127.0.0.1:9/twilio/sms")
    simulator.add_fault("lose_inbound")
    async with start(**OFTEN):
        inbound = await simulator.text("+15550100001", SENDER, "Is anybody there?")
        await session.wait_until(lambda: bool(session.received))
    (message,) = session.received
    assert (message.source_id, message.text) == (inbound.message.sid, "Is anybody there?")


async def test_a_stop_cuts_a_list_that_does_not_answer(start: Start, twilio: TwilioPeer, rows: Rows) -> None:
    twilio.answering.clear()
    async with asyncio.timeout(9.0):
        async with start(twilio_url=twilio.url, **PATIENT):
            await twilio.wait_for_lists(1)
    assert await rows.one("SELECT lease_until <= now() FROM notifier.coverage"), "the next process need not wait"
