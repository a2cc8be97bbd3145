"""Whether PostgreSQL is there, as the code needs it, with room for more connections and a clock like ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from parley_chassis.errors import Unavailable
from parley_chassis.postgres.errors import MigrationError
from parley_chassis.postgres.migrations import check
from parley_chassis.postgres.pool import database
from parley_chassis.settings import SettingsError
from parley_cli.doctor.clocks import Reading, judge, now
from parley_cli.doctor.finding import Finding
from parley_cli.stack.schema import MIGRATIONS
from parley_cli.stack.stack_file import StackAddresses

ROOM = 5
"""Connections that should be free: a service that starts again needs some before the old ones are gone."""
QUERY = """
SELECT clock_timestamp(), current_setting('max_connections')::int,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""


async def examine_database(stack: StackAddresses) -> list[Finding]:
    try:
        async with database(stack.database_url, application="parley-doctor", size=1) as pool:
            before = now()
            ((theirs, most, used),) = await pool.run(QUERY)
            after = now()
    except (Unavailable, SettingsError) as error:
        fix = "start it: `parley up`, or whatever runs your PostgreSQL"
        return [
            Finding.bad("database", str(error), fix),
            Finding.left_open("migrations", "the database does not answer"),
        ]
    return [_room(most, used), _clock(before, theirs, after), await _migrations(stack)]


def _room(most: int, used: int) -> Finding:
    detail = f"{used} of {most} connections in use"
    if most - used < ROOM:
        return Finding.bad("database", detail, "raise PostgreSQL's max_connections, or run fewer replicas")
    return Finding.ok("database", detail)


def _clock(before: datetime, theirs: Any, after: datetime) -> Finding:
    return judge("clock, database", "the database's", Reading(before, theirs, after))


async def _migrations(stack: StackAddresses) -> Finding:
    try:
        for schema, package in MIGRATIONS.items():
            await check(stack.database_url, package, schema)
    except MigrationError as error:
        return Finding.bad("migrations", str(error), "start this version, which migrates first: `parley up`")
    return Finding.ok("migrations", "all schemas are as this version needs them")
