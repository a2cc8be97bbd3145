"""Puts the database back to an earlier state of its own when all that waited there has been sent.

The earlier state is chosen so that nothing but sends is forgotten: every text is in a committed turn, every reply
handed over, and Twilio takes none. What else a restored database has lost, Twilio's list and people's own memory
have to bring back, and no checker can tell that from a fault.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import psycopg

from parley_simulator.domain.faults import Kind
from tests.chaos.audit import UNFINISHED
from tests.chaos.rig import Rig

PATIENCE = 60.0
UNSENT: Mapping[str, LiteralString] = {
    **{name: query for name, query in UNFINISHED.items() if name not in ("outbox", "deliveries")},
    "replies that are not handed over": """
      SELECT count(*) FROM session.outbox o
      WHERE NOT EXISTS (SELECT FROM notifier.deliveries d WHERE d.id = o.message_id)
    """,
}
"""What has to be none when nothing is left to do but sends."""
UNSEEN: Mapping[str, LiteralString] = {
    "gates that have not seen the last change": """
      SELECT count(*) FROM notifier.gate
      WHERE beat_time < (SELECT max(at) FROM chaos.audit) + interval '2 seconds'
    """,
}
"""Every notifier looks once a second how far the database has come."""


async def restore(rig: Rig) -> None:
    """Begins while Twilio takes nothing, and ends that."""
    copy = rig.folder / "earlier"
    try:
        await _until_none(rig, UNSENT)
        await rig.replace_postgres("copy", lambda cluster: _copy(cluster, copy))
        _let_through(rig)
        await _until_none(rig, UNFINISHED)
        await _until_none(rig, UNSEEN)
        await rig.replace_postgres("restore", lambda cluster: _copy(copy, cluster))
    finally:
        await asyncio.to_thread(shutil.rmtree, copy, ignore_errors=True)


async def _copy(source: Path, target: Path) -> None:
    """With owners and modes, on which PostgreSQL insists."""
    await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
    process = await asyncio.create_subprocess_exec("cp", "-a", str(source), str(target))
    if await process.wait():
        raise OSError(f"{source} could not be copied to {target}")


def _let_through(rig: Rig) -> None:
    for fault in rig.simulator.world.faults:
        if fault.kind is Kind.RATE_LIMIT:
            fault.count = 0


async def _until_none(rig: Rig, queries: Mapping[str, LiteralString]) -> None:
    give_up = asyncio.get_running_loop().time() + PATIENCE
    async with await psycopg.AsyncConnection.connect(rig.admin_url, autocommit=True) as connection:
        while left := await _left(connection, queries):
            if asyncio.get_running_loop().time() > give_up:
                raise TimeoutError(f"the database was not put back: there are still {left}")
            await asyncio.sleep(0.1)


async def _left(connection: psycopg.AsyncConnection, queries: Mapping[str, LiteralString]) -> dict[str, int]:
    left = {}
    for name, query in queries.items():
        row = await (await connection.execute(query)).fetchone()
        if row and row[0]:
            left[name] = row[0]
    return left
