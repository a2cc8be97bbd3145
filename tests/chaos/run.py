"""One run: load and faults at once, then peace until everything is over, then the histories."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
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
PROGRESS = 60.0


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
    memory: int
    """The most that the rig's own process has held, in MiB."""


async def run(options: Options, folder: Path, tell: Callable[[str], None] = lambda line: None) -> Run:
    """Leaves the histories in `folder`. `tell` gets a line each minute."""
    began = time.monotonic()
    async with rigs.running(folder, options.scale, options.seed, options.control, options.plan.send_pause) as rig:
        journal = Journal(folder / "injector.jsonl")
        injector = Injector(rig, journal, options.seed, options.conversations, options.seconds, options.habits)
        begin(rig, options.plan)
        schedule = blows(options.plan, options.seed, options.seconds, options.scale)
        over = asyncio.Event()
        progress = asyncio.create_task(_tell_progress(rig, injector, tell, over))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(injector.run())
                group.create_task(deal(rig, options.plan, schedule, options.seed))
        finally:
            over.set()
            await progress
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
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return Run(dict(sorted(rig.counts.items())), injector.texts, drained, time.monotonic() - began, memory)


async def _tell_progress(rig: Rig, injector: Injector, tell: Callable[[str], None], over: asyncio.Event) -> None:
    began = time.monotonic()
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), PROGRESS)
            return
        passed = f"{(time.monotonic() - began) / 60:.0f} of {injector.seconds / 60:.0f} min"
        tell(f"  {passed}: {injector.texts} texts; {dealt(rig.counts)}")


def dealt(counts: Mapping[str, int]) -> str:
    """What was done to processes so far."""
    kills = sum(times for name, times in counts.items() if name.startswith("kill "))
    stops = counts.get("kill postgresql", 0)
    freezes = sum(times for name, times in counts.items() if name.startswith("freeze "))
    return f"{kills - stops} SIGKILLs, {stops} stops of PostgreSQL, {freezes} SIGSTOPs"


async def _drain(rig: Rig, bound: float) -> tuple[float, dict[str, int]]:
    """Seconds until nothing was left to do, and stayed so; what was left soon after the bound."""
    began = time.monotonic()
    quiet_since: float | None = None
    known: set[str] = set()
    async with await psycopg.AsyncConnection.connect(rig.admin_url, autocommit=True) as connection:
        while True:
            left = await _unfinished(connection) | await _not_fetched(rig, connection, known)
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


async def _not_fetched(rig: Rig, connection: psycopg.AsyncConnection, known: set[str]) -> dict[str, int]:
    """`known` are the sids that were found stored before, and takes those that are found now."""
    missing = [m.sid for m in rig.simulator.messages() if not m.outbound and m.sid not in known]
    cursor = await connection.execute("SELECT source_id FROM session.messages WHERE source_id = ANY(%s)", [missing])
    found = {row[0] for row in await cursor.fetchall()}
    known |= found
    return {"texts that only Twilio has": len(missing) - len(found)}


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
