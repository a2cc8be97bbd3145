"""One run: load and faults at once, then peace until everything is over, then the histories."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from tests.chaos import rig as rigs
from tests.chaos.audit import TABLES, UNFINISHED
from tests.chaos.history import Journal
from tests.chaos.injector import Habits, Injector
from tests.chaos.restore import restore
from tests.chaos.rig import Rig
from tests.chaos.scale import Scale
from tests.chaos.schedule import Plan, begin, blows, deal, end

STEADY = 0.25
PATIENCE = 10.0


@dataclass(frozen=True)
class Options:
    """`seconds` is how long load and faults last; `control` is a guard that is removed."""

    conversations: int
    seconds: float
    seed: int
    plan: Plan
    scale: Scale = field(default_factory=Scale)
    habits: Habits = field(default_factory=Habits)
    control: str = ""


@dataclass(frozen=True)
class Run:
    counts: Mapping[str, int]
    texts: int
    drained: float
    seconds: float


async def run(options: Options, folder: Path) -> Run:
    """Leaves the histories in `folder`."""
    began = time.monotonic()
    async with rigs.running(folder, options.scale, options.seed, options.control, options.plan.send_pause) as rig:
        journal = Journal(folder / "injector.jsonl")
        injector = Injector(rig, journal, options.seed, options.conversations, options.seconds, options.habits)
        begin(rig, options.plan)
        schedule = blows(options.plan, options.seed, options.seconds, options.scale)
        async with asyncio.TaskGroup() as group:
            group.create_task(injector.run())
            group.create_task(deal(rig, options.plan, schedule, options.seed))
        if options.plan.restores:
            await restore(rig)
        end(rig)
        drained, unfinished = await _drain(rig, options.scale.drain_bound)
        bound = options.scale.drain_bound
        journal.write("drained", seconds=drained, unfinished=unfinished, bound=bound)
        journal.close()
        for fault in rig.simulator.world.faults:
            rig.count(f"twilio {fault.kind}{' after effect' if fault.accepted else ''}", fault.strikes)
        for hook in rig.simulator.world.hooks:
            for result in hook.attempts:
                rig.count(f"webhook {hook.kind} {result}")
        _write_twilio(rig, folder)
        await _write_database(rig, folder)
        return Run(dict(sorted(rig.counts.items())), injector.texts, drained, time.monotonic() - began)


async def _drain(rig: Rig, bound: float) -> tuple[float, dict[str, int]]:
    """Seconds until nothing was left to do, and stayed so; what was left soon after the bound."""
    began = time.monotonic()
    quiet_since: float | None = None
    async with await psycopg.AsyncConnection.connect(rig.admin_url, autocommit=True) as connection:
        while True:
            left = await _unfinished(connection) | _not_listed(rig, await _known_sids(connection))
            now = time.monotonic()
            if any(left.values()):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since > 1.0:
                return quiet_since - began, {}
            if now - began > bound + PATIENCE:
                return now - began, {name: count for name, count in left.items() if count}
            await asyncio.sleep(STEADY)


async def _unfinished(connection: psycopg.AsyncConnection) -> dict[str, int]:
    found = {}
    for name, query in UNFINISHED.items():
        row = await (await connection.execute(query)).fetchone()
        found[name] = row[0] if row else 0
    return found


async def _known_sids(connection: psycopg.AsyncConnection) -> set[str]:
    cursor = await connection.execute("SELECT source_id FROM session.messages WHERE direction = 1")
    return {row[0] for row in await cursor.fetchall()}


def _not_listed(rig: Rig, known: set[str]) -> dict[str, int]:
    texts = [message.sid for message in rig.simulator.messages() if not message.outbound]
    return {"texts that only Twilio has": sum(sid not in known for sid in texts)}


def _write_twilio(rig: Rig, folder: Path) -> None:
    with (folder / "twilio.jsonl").open("w") as lines:
        for message in rig.simulator.messages():
            common = {"sid": message.sid, "number": message.number, "participant": message.participant}
            if not message.outbound:
                row = {"kind": "inbound", **common, "token": message.body, "at": message.created}
            elif message.automatic:
                continue
            else:
                delivery = message.status_callback.partition("#")[0].rpartition("/")[2]
                row = {"kind": "accepted", **common, "delivery": delivery, "text": message.body}
                row |= {"index": message.index, "at": message.created}
            lines.write(json.dumps(row) + "\n")


async def _write_database(rig: Rig, folder: Path) -> None:
    async with await psycopg.AsyncConnection.connect(rig.admin_url, row_factory=dict_row) as connection:
        with (folder / "database.jsonl").open("w") as lines:
            for kind, query in TABLES.items():
                async for row in connection.cursor().stream(query):
                    lines.write(json.dumps({"kind": kind, "row": row}) + "\n")
