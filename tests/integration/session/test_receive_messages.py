"""Accepting texts: each is stored once, whoever brings it and however often; unknown numbers get nothing."""

from __future__ import annotations

import asyncio

from parley_session.handlers.receive_messages import Outcome
from tests.integration.session.replica import Replica, Rows, answer, incoming

A, B = "+15550111", "+15550112"


def outcomes(results: list[object]) -> list[object]:
    return [getattr(result, "outcome", result) for result in results]


async def test_a_text_is_stored_with_its_place_and_starts_a_turn(replica: Replica, rows: Rows) -> None:
    (received,) = await replica.receive(incoming("S1", "hello"))
    assert received.outcome is Outcome.ACCEPTED
    stored = await rows.all(
        "SELECT m.id::text, m.position, m.direction, m.text, m.source_id, m.session_id = t.session_id "
        "FROM session.messages m JOIN session.threads t ON t.id = m.thread_id"
    )
    assert stored == [(received.message_id, 1, 1, "hello", "S1", True)]
    assert replica.last_texts == ["hello"]


async def test_a_text_that_comes_again_is_a_duplicate_with_the_id_of_the_first(replica: Replica, rows: Rows) -> None:
    (first,) = await replica.receive(incoming("S1"))
    (second,) = await replica.receive(incoming("S1", "another text under the same id"))
    assert second.outcome is Outcome.DUPLICATE
    assert second.message_id == first.message_id
    assert await rows.one("SELECT count(*) FROM session.messages") == 1
    assert len(replica.started) == 1


async def test_a_source_id_that_stands_twice_in_a_batch_counts_once(replica: Replica, rows: Rows) -> None:
    first, other, again = await replica.receive(incoming("S1"), incoming("S2"), incoming("S1"))
    assert [first.outcome, other.outcome, again.outcome] == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.DUPLICATE]
    assert first.message_id == again.message_id != other.message_id
    assert await rows.one("SELECT count(*) FROM session.messages") == 2


async def test_two_replicas_that_get_the_same_text_at_once_store_it_once(
    replica: Replica, other: Replica, rows: Rows
) -> None:
    for number in range(30):
        participant = f"+1666{number:07d}"
        (here,), (there,) = await asyncio.gather(
            replica.receive(incoming(f"S{number}", participant=participant)),
            other.receive(incoming(f"S{number}", participant=participant)),
        )
        assert {here.outcome, there.outcome} == {Outcome.ACCEPTED, Outcome.DUPLICATE}
        assert here.message_id == there.message_id
    assert await rows.one("SELECT count(*) FROM session.messages") == 30
    assert len(replica.started) + len(other.started) == 30


async def test_texts_to_an_unknown_number_leave_nothing_behind(replica: Replica, rows: Rows) -> None:
    received = await replica.receive(
        incoming("S1", endpoint="+15550199"), incoming("S2"), incoming("S3", endpoint="+15550199")
    )
    assert outcomes(list(received)) == [Outcome.UNKNOWN_NUMBER, Outcome.ACCEPTED, Outcome.UNKNOWN_NUMBER]
    assert await rows.one("SELECT count(*) FROM session.threads") == 1
    assert await rows.one("SELECT count(*) FROM session.sources") == 1


async def test_a_text_refused_for_its_number_is_accepted_once_that_is_registered(replica: Replica, rows: Rows) -> None:
    await replica.receive(incoming("S1", endpoint="+15550199"))
    await rows.register("+15550199", "desk")
    (received,) = await replica.receive(incoming("S1", endpoint="+15550199"))
    assert received.outcome is Outcome.ACCEPTED
    assert replica.last.session.agent == "desk"


async def test_texts_of_one_batch_keep_their_order_within_each_thread(replica: Replica) -> None:
    await replica.receive(*(incoming(f"S{n}", f"text {n}", participant=A if n % 3 else B) for n in range(30)))
    texts = {run.thread.participant: [text.text for text in run.texts] for run, _ in replica.started}
    assert texts == {
        A: [f"text {n}" for n in range(30) if n % 3],
        B: [f"text {n}" for n in range(30) if not n % 3],
    }


async def test_texts_of_batches_that_overlap_keep_the_order_in_which_they_came(replica: Replica, rows: Rows) -> None:
    """The first of each thread has to have it created, which gives the second every chance to pass."""
    for number in range(30):
        participant = f"+1666{number:07d}"
        texts = [incoming(f"S{number}-{n}", str(n), participant) for n in range(3)]
        await asyncio.gather(*(replica.receive(text) for text in texts))
    order = "SELECT string_agg(text, '' ORDER BY position) FROM session.messages GROUP BY thread_id"
    assert set(await rows.all(order)) == {("012",)}


async def test_a_batch_passes_those_on_other_threads(replica: Replica) -> None:
    await replica.receive(incoming("S1", participant=A), incoming("S2", participant=B))
    async with replica.store.batch() as batch:
        await batch.gather([incoming("S", participant=A).key])
        held_up = asyncio.create_task(replica.receive(incoming("S3", participant=A)))
        async with asyncio.timeout(20):
            await replica.receive(incoming("S4", participant=B))
        assert not held_up.done()
    await held_up


async def test_every_character_but_nul_is_stored_as_it_came(replica: Replica, rows: Rows) -> None:
    text = "".join(chr(code) for code in [*range(1, 0x3000), 0xFFFF, 0x1F642, 0x10FFFF] if not 0xD800 <= code < 0xE000)
    await replica.receive(incoming("S'; --", text))
    assert await rows.one("SELECT text FROM session.messages") == text
    assert replica.last_texts == [text]


async def test_a_session_is_opened_with_the_copy_of_its_agents_settings(replica: Replica, rows: Rows) -> None:
    settings = '{"greeting": 3, "settle": 0.0, "fallback_text": "oops"}'
    await rows.all(
        "INSERT INTO session.agents (name, version, settings) VALUES ('echo', '1', %s::text::jsonb)", settings
    )
    await replica.receive(incoming("S1"))
    assert replica.last.session.settings.fallback_text == "oops"
    await rows.all("UPDATE session.agents SET settings = jsonb_set(settings, '{fallback_text}', '\"changed\"')")
    await replica.commit(answer(replica.last, "hi"))
    await replica.receive(incoming("S2"))
    assert replica.last.session.settings.fallback_text == "oops"
