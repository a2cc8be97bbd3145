"""Texts that no agent gets to see, each stored with its reason; limits that a restart does not forget; settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from parley_session.adapters.postgres.clock import PostgresClock
from parley_session.domain.events import Receive
from parley_session.domain.keywords import Keyword
from parley_session.domain.thread import EndReason
from parley_session.handlers.receive_messages import Incoming, Outcome
from tests.databases import FreshDatabase
from tests.integration.session.asking import ANNA, REASONS, talk
from tests.integration.session.replica import OURS, Replica, Rows, answer, incoming, key, replica_running

NOW = datetime.now(UTC)
SECOND, TOLL_FREE = "+15550101", "+18005550100"
STORED = "SELECT ignore_reason FROM session.messages WHERE source_id = 'S'"
PLACES = "SELECT text, position FROM session.messages ORDER BY position"


def text(
    words: str = "hello",
    participant: str = ANNA,
    endpoint: str = OURS,
    *,
    age: timedelta = timedelta(0),
    stated: Keyword | None = None,
    fetched: bool = False,
) -> Incoming:
    event = Receive("S", words, receive_time=NOW - age, stated=stated, fetched=fetched)
    return Incoming(key(participant, endpoint), event)


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
IGNORED: dict[str, tuple[Incoming, str]] = {
    "a call for help": (text("Help!"), "help"),
    "a word that the provider takes for help": (text("hilfe", stated=Keyword.HELP), "help"),
    "one of our own numbers": (text(participant=SECOND), "own_number"),
    "a short code": (text(participant="12345"), "no_reply_path"),
    "a name": (text(participant="ParcelShop"), "no_reply_path"),
    "a stop from a name, which no notifier would take": (text("STOP", participant="Bus 12"), "no_reply_path"),
    "a text of yesterday": (text(age=DAY + HOUR), "too_old"),
    "a text of no time at all": (text(age=NOW - datetime.min.replace(tzinfo=UTC)), "too_old"),
}


@pytest.mark.parametrize("name", IGNORED)
async def test_such_a_text_is_stored_with_its_reason_and_opens_nothing(replica: Replica, rows: Rows, name: str) -> None:
    await rows.register(SECOND)
    item, reason = IGNORED[name]
    (received,) = await replica.receive(item)
    assert received.outcome is Outcome.IGNORED
    assert await rows.one(STORED) == reason
    assert await rows.one("SELECT count(*) FROM session.sessions") == 0
    assert await rows.one("SELECT count(*) FROM session.opt_outs") == 0
    assert replica.started == []
    assert (await replica.receive(item))[0] == type(received)(Outcome.DUPLICATE, received.message_id)


TAKEN: dict[str, Incoming] = {
    "help that our rules do not know": text("Help me please"),
    "a text of some hours ago": text(age=DAY - HOUR),
    "yes": text("YES"),
    "a word of the customer's own list": text("INFO", endpoint="+15550177"),
}


@pytest.mark.parametrize("name", TAKEN)
async def test_such_a_text_is_for_the_agent(replica: Replica, rows: Rows, name: str) -> None:
    await rows.register("+15550177")
    await rows.all("UPDATE session.numbers SET keywords = 2 WHERE number = '+15550177'")
    (received,) = await replica.receive(TAKEN[name])
    assert received.outcome is Outcome.ACCEPTED
    assert await rows.one(STORED) == ""
    assert len(replica.started) == 1


@pytest.mark.parametrize(
    ("endpoint", "keywords", "word", "stated", "reason"),
    [
        (OURS, 2, "QUIT", None, ""),
        (OURS, 2, "halt", Keyword.STOP, "stop"),
        (OURS, 3, "STOP", None, ""),
        (OURS, 1, "halt", Keyword.STOP, "stop"),
        (TOLL_FREE, 1, "STOP", None, "stop"),
    ],
)
async def test_who_knows_a_keyword_is_for_the_number_to_say(
    replica: Replica, rows: Rows, endpoint: str, keywords: int, word: str, stated: Keyword | None, reason: str
) -> None:
    await rows.register(TOLL_FREE)
    await rows.all("UPDATE session.numbers SET keywords = %s WHERE number = %s", keywords, endpoint)
    await replica.receive(text(word, endpoint=endpoint, stated=stated))
    assert await rows.one(STORED) == reason


@pytest.mark.parametrize(("endpoint", "opens"), [(OURS, True), (TOLL_FREE, False)])
async def test_yes_clears_an_opt_out_but_not_of_a_toll_free_number(
    replica: Replica, rows: Rows, endpoint: str, opens: bool
) -> None:
    await rows.register(TOLL_FREE)
    await replica.receive(incoming("S1", "STOP", endpoint=endpoint))
    await replica.receive(incoming("S", "yes", endpoint=endpoint))
    assert await rows.one(STORED) == ("start" if opens else "opted_out")
    (received,) = await replica.receive(incoming("S3", "hello", endpoint=endpoint))
    assert (received.outcome is Outcome.ACCEPTED) == opens


async def test_ignored_texts_are_no_activity_and_no_engagement(replica: Replica, rows: Rows) -> None:
    await talk(replica, rows)
    before = await rows.all("SELECT active_time FROM session.threads")
    for item, _ in (IGNORED["a call for help"], IGNORED["a text of yesterday"]):
        await replica.receive(Incoming(item.key, Receive(item.event.text, item.event.text, receive_time=NOW - 2 * DAY)))
    assert await rows.all("SELECT active_time FROM session.threads") == before
    assert await rows.all(PLACES) == [("hello", 1), ("hi", 2), ("Help!", 3), ("hello", 4)]


# ---- texts of a number's past


@pytest.mark.parametrize(
    ("age", "fetched", "outcome"),
    [
        (2 * HOUR, True, Outcome.UNKNOWN_NUMBER),
        (HOUR / 2, True, Outcome.ACCEPTED),
        (2 * HOUR, False, Outcome.ACCEPTED),
    ],
)
async def test_a_text_to_the_number_of_somebody_before_us_is_not_fetched(
    replica: Replica, rows: Rows, age: timedelta, fetched: bool, outcome: Outcome
) -> None:
    await rows.all("UPDATE session.numbers SET ingest_from = %s", NOW - HOUR)
    (received,) = await replica.receive(text(age=age, fetched=fetched))
    assert received.outcome is outcome
    assert await rows.one("SELECT count(*) FROM session.messages") == (outcome is Outcome.ACCEPTED)


# ---- limits


async def limit(rows: Rows, **limits: int) -> None:
    for name, value in limits.items():
        await rows.all(
            "UPDATE session.numbers SET settings = settings || jsonb_build_object(%s::text, %s)", name, value
        )


async def test_a_limit_holds_over_a_restart_and_for_its_minute(
    replica: Replica, rows: Rows, database: FreshDatabase, clock: PostgresClock
) -> None:
    await limit(rows, text_limit=3)
    for number in range(3):
        assert (await replica.receive(incoming(f"S{number}", str(number))))[0].outcome is Outcome.ACCEPTED
    async with replica_running(database.session_url) as restarted:
        (received,) = await restarted.receive(incoming("S", "one more"))
        assert received.outcome is Outcome.IGNORED
        assert await rows.one(STORED) == "text_limit"
        assert (await restarted.receive(incoming("B1", "mine", "+15550112")))[0].outcome is Outcome.ACCEPTED
        await clock.skip(timedelta(seconds=61))
        assert (await restarted.receive(incoming("S4", "later")))[0].outcome is Outcome.ACCEPTED


async def test_a_text_over_the_limit_is_refused_in_the_same_batch_too(replica: Replica, rows: Rows) -> None:
    await limit(rows, text_limit=3)
    received = await replica.receive(*(incoming(f"S{number}", str(number)) for number in range(5)))
    assert [one.outcome for one in received] == [Outcome.ACCEPTED] * 3 + [Outcome.IGNORED] * 2
    assert replica.last_texts == ["0", "1", "2"]


async def test_the_same_text_again_and_again_blocks_its_participant(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await limit(rows, repeat_limit=3)
    for number in range(2):
        await replica.receive(incoming(f"S{number}", "buy now"))
    await other.receive(incoming("S", "buy now"))
    assert await rows.one(STORED) == "repeat_limit"
    assert (await replica.receive(incoming("S3", "something else")))[0].outcome is Outcome.IGNORED
    await clock.skip(timedelta(minutes=10, seconds=1))
    assert (await other.receive(incoming("S4", "something else")))[0].outcome is Outcome.ACCEPTED


async def test_more_turns_than_a_person_takes_end_the_session_as_a_loop(
    replica: Replica, other: Replica, rows: Rows, clock: PostgresClock
) -> None:
    await limit(rows, turn_limit=3)
    for number in range(3):
        here = (replica, other)[number % 2]
        await here.receive(incoming(f"S{number}", f"ping {number}"))
        await here.commit(answer(here.last, "pong"))
    (received,) = await other.receive(incoming("S", "ping"))
    assert received.outcome is Outcome.IGNORED
    assert await rows.one(STORED) == "turn_limit"
    assert await rows.all(REASONS) == [(EndReason.LOOP,)]
    await other.commit(answer(other.last))
    await clock.skip(timedelta(minutes=10, seconds=1))
    assert (await replica.receive(incoming("S4", "ping")))[0].outcome is Outcome.ACCEPTED


# ---- settings


async def test_a_numbers_wish_counts_over_its_agents_and_that_over_the_default(replica: Replica, rows: Rows) -> None:
    wishes = '{"fallback_text": "agent", "closing_text": "agent", "grace": 120}'
    await rows.all("INSERT INTO session.agents (name, version, settings) VALUES ('echo', '1', %s::text::jsonb)", wishes)
    await rows.all("""UPDATE session.numbers SET settings = settings || '{"closing_text": "number"}'""")
    await replica.receive(incoming("S1"))
    settings = replica.last.session.settings
    assert (settings.fallback_text, settings.closing_text) == ("agent", "number")
    assert (settings.grace, settings.inactive_after) == (timedelta(minutes=2), timedelta(hours=24))


async def test_a_session_keeps_the_settings_that_it_opened_with(replica: Replica, other: Replica, rows: Rows) -> None:
    await limit(rows, turn_limit=7)
    await talk(replica, rows)
    await limit(rows, turn_limit=1)
    await other.receive(incoming("S2", "still here"))
    assert other.last.session.settings.turn_limit == 7
    assert (await other.receive(incoming("B1", "new here", "+15550112")))[0].outcome is Outcome.ACCEPTED
    assert other.last.session.settings.turn_limit == 1
