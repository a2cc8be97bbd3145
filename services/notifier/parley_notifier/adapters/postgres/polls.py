"""Keeps how far Twilio was asked about messages whose end it did not report, and finds them."""

from __future__ import annotations

from parley_chassis.postgres.pool import Database, Row
from parley_chassis.postgres.queries import load_queries
from parley_notifier.domain.polls import ENDS, Poll, Stretch, Unreported, Window


class PostgresPolls:
    """The PollStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("parley_notifier.adapters.postgres", "polls.sql")

    async def take_poll(self, age: float, owner: str, lease: float) -> Poll | None:
        found = await self._run("take_poll", age, owner, lease)
        return Poll(*found[0]) if found else None

    async def keep_poll(self, age: float, owner: str, lease: float) -> bool:
        return bool(await self._run("keep_poll", lease, age, owner))

    async def end_poll(self, age: float, owner: str, polled_id: str) -> None:
        await self._run("end_poll", polled_id, age, owner)

    async def read_unreported(self, window: Window, looked_at: int, limit: int) -> Stretch:
        ((count, last_id, found),) = await self._run(
            "read_unreported", window.after, window.before, looked_at, list(ENDS), limit
        )
        return Stretch([Unreported(*row) for row in found], limit, last_id or "", is_whole=count < looked_at)

    async def _run(self, name: str, *parameters: object) -> list[Row]:
        return await self._database.run(self._queries[name], parameters)
