from __future__ import annotations
import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import psycopg, pytest
from parley_session.handlers.relay_outbox import RelayOutbox
from parley_session.handlers.receive_messages import Incoming, Outcome
from parley_session.ports import DeliveryRecord, HandOver, OptOutNotice, Submission, NumberChange
from parley_session.adapters.postgres.numbers import PostgresNumberStore
from parley_chassis.postgres.engine import engine
from tests.databases import FreshDatabase
from tests.integration.session.asking import ANNA, BEN, REASONS, OPEN, talk, opening, writing, done, refused, ending
from tests.integration.session.replica import OURS, Replica, Rows, answer, incoming, key, replica_running
from parley_session import requests

async def test_p1_relay_without_start(replica: Replica, rows: Rows):
    await replica.receive(incoming("S0", "STOP"))
    await replica.receive(incoming("S1", "START"), incoming("S2", "hello"))
    await replica.commit(answer(replica.last, "hi"))
    print("first hand-over said:", [s.said for s in replica.handed_over])
    await rows.all("UPDATE session.outbox SET next_submit_time = clock_timestamp()")
    out: list[HandOver] = []
    await RelayOutbox(replica.store, out.append)()
    print("relayed:", [(type(o).__name__, getattr(o, "said", "-")) for o in out])
    assert out[0].said is not None

async def test_p2_refusal_lost(replica: Replica, rows: Rows, database):
    await talk(replica, rows)
    m = replica.handed_over[-1].message_id
    async with await psycopg.AsyncConnection.connect(database.session_url) as c:
        await c.execute("SELECT FROM session.threads FOR UPDATE")
        try:
            await replica.record(DeliveryRecord(m, 8, error_code=21610, event_time=datetime.now(UTC)))
        except Exception as e:
            print("first:", type(e).__name__)
    await replica.record(DeliveryRecord(m, 8, error_code=21610, event_time=datetime.now(UTC)))
    assert await rows.all(REASONS) == [(5,)]

async def test_p3_request_taken(replica: Replica, other: Replica, rows: Rows):
    # two threads, same id, concurrently many times
    bad = []
    for n in range(40):
        rs = await asyncio.gather(
            *(r.start(opening(f"R{n}", participant=p)) for r, p in ((replica, ANNA), (other, BEN), (replica, BEN), (other, ANNA))),
            return_exceptions=True)
        for r in rs:
            if isinstance(r, BaseException): bad.append(repr(r)[:100])
    print(bad[:5], len(bad))
    assert not bad

async def test_p4_page_token():
    with pytest.raises(Exception) as e:
        requests.position_of("9" * 5000)
    print(type(e.value))
    assert "InvalidArgument" in type(e.value).__name__

async def test_p5_scope_change(replica: Replica, rows: Rows, database):
    await talk(replica, rows)
    async with engine(database.session_url, application="t") as eng:
        numbers = PostgresNumberStore(eng)
        # hold the STOP's transaction open before its commit by locking opt_outs insert: use a lock on requests? use outbox row
        async with await psycopg.AsyncConnection.connect(database.session_url) as c:
            await c.execute("SELECT FROM session.outbox FOR UPDATE")
            stop = asyncio.create_task(replica.receive(incoming("S9", "STOP")))
            await asyncio.sleep(0.3)
            await numbers.update_number(OURS, NumberChange(opt_out_scope="MG1"), allow_missing=False)
        await stop
    print(await rows.all("SELECT scope, stop_time IS NOT NULL FROM session.opt_outs"))
    (r,) = await replica.receive(incoming("S10", "anyone"))
    assert r.outcome is Outcome.IGNORED

async def test_p6_poison_settings(replica: Replica, rows: Rows):
    replica.free_slots = 0
    await replica.receive(incoming("S1", "a", ANNA))
    await replica.receive(incoming("S2", "b", BEN))
    await rows.all("UPDATE session.sessions SET settings = '{\"greeting\": 9}' WHERE thread_id = (SELECT id FROM session.threads WHERE participant = %s)", ANNA)
    replica.free_slots = 10
    await replica.claim()
    assert replica.started

async def test_p7_start_agent_race(replica: Replica, other: Replica, rows: Rows):
    await rows.all("INSERT INTO session.numbers (number, agent) VALUES ('+15550199','other')")
    bad=[]
    for n in range(30):
        rs = await asyncio.gather(*(x.start(opening(f"Q{n}", participant=ANNA)) for x in (replica, other, replica, other)), return_exceptions=True)
        ids = {getattr(r[0], "message_id", repr(r)) if isinstance(r, list) else repr(r) for r in rs}
        if len(ids) != 1: bad.append(ids)
    assert not bad, bad
