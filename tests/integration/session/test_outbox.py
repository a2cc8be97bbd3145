"""The outbox: a message whose outcome is not known is handed over again, ever less often, by one process at a time."""

from __future__ import annotations

import asyncio

from parley_session.handlers.relay_outbox import LIMIT, RelayOutbox
from parley_session.ports import DeliveryRecord, HandOver, Submission
from tests.integration.session.replica import Replica, Rows, answer, incoming, key

MAKE_DUE = "UPDATE session.outbox SET next_submit_time = clock_timestamp()"
PAUSE = "SELECT round(extract(epoch FROM next_submit_time - clock_timestamp()))::int FROM session.outbox"


async def talk(replica: Replica, *replies: str) -> None:
    await replica.receive(incoming("S1"))
    await replica.commit(answer(replica.last, *replies))


async def relay(replica: Replica) -> tuple[list[Submission], bool]:
    """What one look hands over, and whether there may be more."""
    handed_over: list[HandOver] = []
    more = await RelayOutbox(replica.store, handed_over.append)()
    return [item for item in handed_over if isinstance(item, Submission)], more


async def test_a_message_that_was_just_handed_over_is_left_alone(replica: Replica) -> None:
    await talk(replica, "hello")
    assert await relay(replica) == ([], False)


async def test_a_message_without_an_outcome_is_handed_over_again_as_it_was(replica: Replica, rows: Rows) -> None:
    await talk(replica, "hello", "there")
    await rows.all(MAKE_DUE)
    again, more = await relay(replica)
    assert again == replica.handed_over
    assert [(s.seq, s.text, s.sender, s.participant) for s in again] == [
        (1, "hello", key().endpoint, key().participant),
        (2, "there", key().endpoint, key().participant),
    ]
    assert not more
    assert await relay(replica) == ([], False), "not again before its pause is over"


async def test_a_message_with_an_outcome_is_not(replica: Replica, rows: Rows) -> None:
    await talk(replica, "hello")
    await replica.store.record_deliveries([DeliveryRecord(replica.handed_over[0].message_id, 3)])
    await rows.all(MAKE_DUE)
    assert await relay(replica) == ([], False)


async def test_the_pauses_grow_to_two_minutes(replica: Replica, rows: Rows) -> None:
    await talk(replica, "hello")
    pauses = [await rows.one(PAUSE)]
    for _ in range(7):
        await rows.all(MAKE_DUE)
        await relay(replica)
        pauses.append(await rows.one(PAUSE))
    assert pauses == [5, 10, 20, 40, 80, 120, 120, 120]


async def test_two_processes_hand_over_each_message_once(replica: Replica, other: Replica, rows: Rows) -> None:
    await talk(replica, *(f"reply {n}" for n in range(100)))
    await rows.all(MAKE_DUE)
    looks = await asyncio.gather(*(relay(each) for each in (replica, other) for _ in range(2)))
    seqs = sorted(submission.seq for handed_over, _ in looks for submission in handed_over)
    assert seqs == list(range(1, 101))


async def test_a_full_look_is_followed_by_another(replica: Replica, rows: Rows) -> None:
    await talk(replica, *(f"reply {n}" for n in range(LIMIT + 1)))
    await rows.all(MAKE_DUE)
    first, more = await relay(replica)
    assert (len(first), more) == (LIMIT, True)
    rest, more = await relay(replica)
    assert (len(rest), more) == (1, False)
