"""Freezes a notifier just when it has claimed a text and has sent nothing of it yet.

What a moment chosen by chance hits once in a hundred runs: whoever calls a frozen replica soon leaves it alone, so it
has little to do. PostgreSQL has to live for as long as this looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from tests.chaos.rig import Rig

PATIENCE = 5.0
LOOK = 0.01
FRESH = 0.4
"""Of the pause before a send: a younger claim has not come to its send."""
BEFORE, AFTER = 0.1, 0.2
"""Seconds before and after the pause is over: what stands so is about to write to its socket, or does. To be frozen
between the last look at the clock and the write is the hole that stays, and no guard's fault."""
NEWEST = "SELECT coalesce(max(id), 0) FROM chaos.audit"
CLAIMS = """
  SELECT item->>'id', (item->>'attempt')::int, item->>'owner', date_part('epoch', clock_timestamp() - at)
  FROM chaos.audit WHERE id > %s AND what = 'delivery' AND item->>'state' = 'claimed'
"""


@dataclass(frozen=True, slots=True)
class Caught:
    """A claim; `age` in seconds."""

    delivery: str
    attempt: int
    owner: str
    age: float

    @property
    def pid(self) -> int:
        return int(self.owner.rpartition(".")[2])


async def ambush(rig: Rig, pause: float, seconds: float, *, until_next: bool) -> None:
    """Freezes one for `seconds`, or `until_next`: until somebody else has claimed what it had.

    `pause` is what the rig's notifiers wait between a claim and its send.
    """
    async with await psycopg.AsyncConnection.connect(rig.admin_url, autocommit=True) as connection:
        watch = await _Watch.begin(connection)
        found = await watch.catch(rig, pause)
        if found is None:
            rig.count("ambush in vain")
            return
        name, caught = found
        await rig.freeze(name, seconds, watch.claimed_again(caught) if until_next else None)


def ripe(claims: Sequence[Caught], pause: float) -> Iterator[Caught]:
    """Claims that are fresh, of owners who are not just about to send another one."""
    busy = {claim.owner for claim in claims if pause - BEFORE < claim.age < pause + AFTER}
    return (claim for claim in claims if claim.age < pause * FRESH and claim.owner not in busy)


class _Watch:
    def __init__(self, connection: psycopg.AsyncConnection, since: int) -> None:
        self._connection = connection
        self._since = since

    @classmethod
    async def begin(cls, connection: psycopg.AsyncConnection) -> _Watch:
        row = await (await connection.execute(NEWEST)).fetchone()
        return cls(connection, row[0] if row else 0)

    async def catch(self, rig: Rig, pause: float) -> tuple[str, Caught] | None:
        loop = asyncio.get_running_loop()
        # What was claimed before the watch began is over by then.
        begin, give_up = loop.time() + pause + AFTER, loop.time() + PATIENCE
        while (now := loop.time()) < give_up:
            names = {process.pid: name for name, process in rig.services.items() if process.running}
            for caught in ripe(await self._claims(), pause) if now > begin else ():
                name = names.get(caught.pid, "")
                if name and rig.is_whole(name):
                    return name, caught
            await asyncio.sleep(LOOK)
        return None

    async def claimed_again(self, caught: Caught) -> None:
        while not any(c.delivery == caught.delivery and c.attempt > caught.attempt for c in await self._claims()):
            await asyncio.sleep(LOOK)

    async def _claims(self) -> list[Caught]:
        return [Caught(*row) for row in await (await self._connection.execute(CLAIMS, [self._since])).fetchall()]
