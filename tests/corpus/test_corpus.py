"""Whatever is sent: the exact answer and effect of each entry, at the real gateway, session service and notifier."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from parley_chassis.logs import JsonFormatter
from parley_chassis.postgres.embedded import EmbeddedPostgres
from tests.corpus.api_bytes import api_bytes
from tests.corpus.entries import BadEntry, Entry, entries
from tests.corpus.judge import SECRETS, Observed, problems
from tests.corpus.place import Place, place
from tests.corpus.webhook_bytes import participant_of, sid_of, webhook_bytes
from tests.databases import fresh_database
from tests.integration.gateway.twilio_side import Caller, Reply, call, request

ENTRIES = entries()
NO_DELIVERY = {"id": "018f3c1e-0000-7000-8000-00000000000a", "sid": "SM" + "e" * 32}
HEALTH = request("/health/live", method="GET")


def test_the_corpus_is_large_and_every_entry_is_its_own() -> None:
    assert len(ENTRIES) >= 300
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    assert all(sum(entry.group == group for entry in ENTRIES) >= 8 for group in {entry.group for entry in ENTRIES})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(request: pytest.FixtureRequest, postgres: EmbeddedPostgres, template: str) -> AsyncIterator[Place]:
    async with fresh_database(postgres, template) as database, place(database) as made:
        yield made
    asked = {id_of(item) for item in request.session.items if item.path == Path(__file__)} - {""}
    if "PYTEST_XDIST_WORKER" not in os.environ:
        assert request.session.testsfailed or made.judged == asked


def id_of(item: Any) -> str:
    """The id of the entry that a test is about, or nothing."""
    entry = item.callspec.params.get("entry") if hasattr(item, "callspec") else None
    return entry.id if isinstance(entry, Entry) else ""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
async def test_it_gets_its_answer_and_goes_as_far_as_it_may(
    here: Place, caplog: pytest.LogCaptureFixture, entry: Entry
) -> None:
    caplog.set_level(logging.DEBUG, "parley_gateway")
    seen = await tried(here, entry)
    lines = [(record.levelno, JsonFormatter().format(record)) for record in caplog.records if record.name != "asyncio"]
    seen = replace(seen, log=[line for _, line in lines], errors=[line for no, line in lines if no >= logging.ERROR])
    assert problems(entry, seen, (*SECRETS, participant_of(entry.number)[1:])) == []
    here.judged.add(entry.id)


async def tried(here: Place, entry: Entry) -> Observed:
    """Sends the entry and looks at what it has changed."""
    delivery = NO_DELIVERY
    if entry.group == "reports" and entry.delivery:
        delivery = await here.delivered_text(participant_of(entry.number))

    def content(send: Mapping[str, Any]) -> bytes:
        is_api = entry.group.startswith("api")
        return api_bytes(entry, send, here.values) if is_api else webhook_bytes(entry, send, delivery)

    for earlier in entry.before:
        assert (await call(here.gateway.url, content(earlier))).status < 300
    before = await here.counts()
    gateway = here.hurried if entry.send.get("gateway") == "hurried" else here.gateway
    replies, closed = await conversation(gateway.url, content(entry.send), entry)
    after = await here.counts()
    return Observed(
        replies,
        {name: after[name] - before[name] for name in before},
        closed,
        await here.stored(entry.send.get("fields", {}).get("MessageSid") or sid_of(entry.number)),
        await here.delivery(delivery["id"]) if entry.delivery else {},
    )


async def conversation(url: str, content: bytes, entry: Entry) -> tuple[list[Reply], bool | None]:
    """The answers, and whether the connection ended with the last of them."""
    async with Caller(url) as caller:
        await caller.send(content)
        replies = [await caller.reply() for _ in range(1 + len(entry.then))]
        if entry.closes is None:
            return replies, None
        if entry.closes:
            return replies, await caller.is_closed()
        # Had more been answered than the entry says, that answer would come first.
        await caller.send(HEALTH)
        return replies, (await caller.reply()).body != '{"status":"ok"}'


@pytest.mark.asyncio(loop_scope="module")
async def test_a_good_text_is_stored_as_it_was_sent(here: Place) -> None:
    entry = Entry("good", "a text", 9_000_000, {"fields": {"Body": "Ahoy 👍 é\r\n"}}, 200, "<Response/>", "stored")
    assert problems(entry, await tried(here, entry), SECRETS) == []
    stored = await here.stored(sid_of(entry.number))
    assert stored
    assert stored["text"] == "Ahoy 👍 é\r\n"


# --- the judge itself -------------------------------------------------------------------------------------------

REFUSED = Entry("signatures", "none", 1, {}, 403, "forbidden")
AS_IT_SHOULD = Observed([Reply(403, {}, "forbidden")], {"inbound": 0, "sent": 0, "reports": 0})
TAKEN = Entry("texts", "a STOP", 2, {}, 200, "<Response/>", "ignored", "stop")
STOPPED = Observed(
    [Reply(200, {}, "<Response/>")], {"inbound": 1, "sent": 0, "reports": 0}, stored={"ignore_reason": "stop"}
)


def test_the_judge_finds_nothing_where_all_is_as_it_should_be() -> None:
    assert problems(REFUSED, AS_IT_SHOULD, ["secret"]) == problems(TAKEN, STOPPED, ["secret"]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"replies": [Reply(400, {}, "forbidden")]},
        {"replies": [Reply(500, {}, "forbidden")]},
        {"replies": [Reply(403, {}, "bad signature")]},
        {"replies": [Reply(403, {"x": "the secret"}, "forbidden")]},
        {"replies": [Reply(403, {"server": "uvicorn"}, "forbidden")]},
        {"replies": [*AS_IT_SHOULD.replies, *AS_IT_SHOULD.replies]},
        {"added": {"inbound": 1, "sent": 0, "reports": 0}},
        {"added": {"inbound": 0, "sent": 0, "reports": 1}},
        {"log": ["a secret"]},
        {"log": ["Traceback (most recent call last)"]},
        {"errors": ["loop_failed"]},
    ],
    ids=[
        "status",
        "failure",
        "body",
        "secret",
        "server",
        "two answers",
        "stored",
        "reported",
        "logged",
        "traced",
        "error",
    ],
)
def test_the_judge_finds_what_is_wrong(wrong: Mapping[str, Any]) -> None:
    assert problems(REFUSED, replace(AS_IT_SHOULD, **wrong), ["secret"])


def test_the_judge_finds_a_text_that_was_ignored_for_another_reason() -> None:
    assert problems(TAKEN, replace(STOPPED, stored={"ignore_reason": ""}), [])
    assert problems(TAKEN, replace(STOPPED, stored=None), [])


def test_the_judge_finds_a_delivery_that_stands_elsewhere_and_a_connection_that_stays() -> None:
    report = replace(REFUSED, delivery={"status": "delivered"}, closes=True)
    assert len(problems(report, replace(AS_IT_SHOULD, closed=False, delivery={"status": "sent"}), [])) == 2


@pytest.mark.parametrize(
    "text",
    [
        "- {name: x, send: {}}",
        "- {name: x, send: {}, status: 400}",
        "- {name: x, send: {}, status: 200}",
        "- {name: x, send: {}, status: 403, effekt: nothing}",
        "- {name: x, send: {}, status: 200, effect: ignored}",
        "- {send: {}, status: 403}",
        "- nothing",
    ],
)
def test_an_entry_that_does_not_say_what_should_come_of_it_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "group.yaml").write_text(text)
    with pytest.raises(BadEntry):
        entries(tmp_path)
