"""Keeps the gate in PostgreSQL, and the messages that Twilio has of a state of the database that is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from parley_chassis.postgres.pool import Database, Row
from parley_chassis.postgres.queries import load_queries
from parley_notifier.adapters.postgres import rows
from parley_notifier.domain.facts import Claim
from parley_notifier.domain.gate import Gate
from parley_notifier.domain.segments import comparable
from parley_notifier.gate_ports import SentMessage


class PostgresGate:
    """The GateStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("parley_notifier.adapters.postgres", "gate.sql")

    async def read_gate(self) -> Gate:
        return Gate(*(await self._run("read_gate"))[0])

    async def count_waiting(self) -> int:
        return int((await self._run("count_waiting"))[0][0])

    async def beat(self) -> None:
        await self._run("beat")

    async def know_server(self) -> None:
        await self._run("know_server")

    async def begin_recovery(self, slack: float, since: float | None = None, *, again: bool = False) -> bool:
        return bool(await self._run("begin_recovery", since, again, slack))

    async def store_orphans(self, messages: Sequence[SentMessage]) -> None:
        if messages:
            await self._run("store_orphans", rows.dump(map(asdict, messages)))

    async def cover_outbound(self, recover_time: float) -> None:
        await self._run("cover_outbound", recover_time)

    async def end_recovery(self) -> bool:
        return bool(await self._run("end_recovery"))

    async def close(self, reason: str) -> None:
        async with self._database.transaction() as transaction:
            await transaction.fetch(self._queries["shut_gate"])
            await transaction.queue(self._queries["close_gate"], (reason,))
            await transaction.commit()

    async def open(self, *, force: bool) -> None:
        await self._run("open_gate", force, force)

    async def adopt_orphan(self, claim: Claim) -> str:
        text = comparable(claim.text)
        found = await self._run(
            "adopt_orphan", claim.delivery_id, claim.participant, claim.sender, text, claim.delivery_id
        )
        return str(found[0][0]) if found else ""

    async def forget_orphans(self, age: float) -> None:
        await self._run("forget_orphans", age)

    async def wake_lanes(self, limit: int) -> bool:
        return len(await self._run("wake_lanes", limit)) == limit

    async def _run(self, name: str, *parameters: object) -> list[Row]:
        return await self._database.run(self._queries[name], parameters)
