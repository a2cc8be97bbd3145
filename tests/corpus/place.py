"""The gateway, the session service and the notifier as they are, in one process, on a PostgreSQL; and what is in it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow, dict_row

import parley_notifier.app
import parley_session.app
import parley_simulator.app
from parley.notifier.v1 import notifier_pb2
from parley_chassis.settings import ProcessSettings, load
from parley_cli.stack.free_ports import free_ports
from parley_cli.stack.key_api import key_api
from parley_cli.stack.session_api import SessionApi, session_api
from parley_gateway.app import Gateway, running
from parley_notifier.settings import Settings as NotifierSettings
from parley_session.settings import Settings as SessionSettings
from parley_simulator.settings import NumberSettings
from parley_simulator.settings import Settings as SimulatorSettings
from tests.contract.session.scripted_agent import ScriptedAgent, agent_running
from tests.databases import FreshDatabase
from tests.integration.gateway.api_peers import OUR_NUMBER
from tests.integration.gateway.between import gateway_settings
from tests.integration.gateway.twilio_side import ACCOUNT, TOKEN, WAIT

Submission = notifier_pb2.Submission
DEVELOPMENT = ProcessSettings(insecure_dev=True)
OTHER_NUMBER = "+15550188"
CHATTED = "+15559990001"
HURRY = 0.3
"""Seconds that a request may take at the gateway for slow senders."""

COUNTS = """
  SELECT (SELECT count(*) FROM session.messages WHERE direction = 1) AS inbound,
    (SELECT count(*) FROM session.messages WHERE kind IN (3, 6)) AS sent,
    (SELECT count(*) FROM notifier.reports) AS reports
"""
TEXT = """
  SELECT m.text, m.ignore_reason, coalesce(jsonb_array_length(m.media_urls), 0) AS media
  FROM session.sources s JOIN session.messages m ON m.id = s.message_id WHERE s.source_id = %s
"""
DELIVERY = "SELECT state, status, error_code FROM notifier.deliveries WHERE id = %s"
ACCEPTED = "SELECT sid FROM notifier.deliveries WHERE id = %s AND state = 'accepted'"


@dataclass
class Place:
    """`values` are what entries of the API name in braces; `judged` the entries that were tried."""

    gateway: Gateway
    hurried: Gateway
    api: SessionApi
    values: Mapping[str, str]
    connection: psycopg.AsyncConnection[TupleRow]
    judged: set[str] = field(default_factory=set)

    async def counts(self) -> dict[str, int]:
        [row] = await self.rows(COUNTS)
        return row

    async def stored(self, sid: str) -> dict[str, Any] | None:
        """The inbound text that came under `sid`."""
        return next(iter(await self.rows(TEXT, sid)), None)

    async def delivery(self, delivery_id: str) -> dict[str, Any]:
        [row] = await self.rows(DELIVERY, delivery_id)
        return row

    async def delivered_text(self, participant: str) -> dict[str, str]:
        """Sends a text that Twilio accepts, for reports to be about; its id and sid."""
        started = await self.api.start_session("shop", participant, "Your order is ready.")
        async with asyncio.timeout(WAIT):
            while not (rows := await self.rows(ACCEPTED, started.message_id)):
                await asyncio.sleep(0.005)
        return {"id": started.message_id, "sid": rows[0]["sid"]}

    async def rows(self, query: LiteralString, *parameters: str) -> list[dict[str, Any]]:
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            return await (await cursor.execute(query, parameters)).fetchall()


@asynccontextmanager
async def place(database: FreshDatabase) -> AsyncIterator[Place]:
    session_address, notifier_address = (f"127.0.0.1:{port}" for port in free_ports(2))
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(agent_running(ScriptedAgent()))
        simulator = await stack.enter_async_context(parley_simulator.app.running(_simulator_settings()))
        notifier = load(
            NotifierSettings,
            process=DEVELOPMENT,
            listen=notifier_address,
            database_url=database.notifier_url,
            session_address=session_address,
            twilio_url=simulator.api_url,
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=TOKEN,
            # The entries report, and nobody else.
            callback_url="http://127.0.0.1:1",
        )
        await stack.enter_async_context(parley_notifier.app.running(notifier))
        session = load(
            SessionSettings,
            process=DEVELOPMENT,
            listen=session_address,
            database_url=database.session_url,
            agents=f"*={agent}",
            notifier_address=notifier_address,
        )
        await stack.enter_async_context(parley_session.app.running(session))
        behind = {"session_address": [session_address], "notifier_address": [notifier_address]}
        gateways = [
            await stack.enter_async_context(running(gateway_settings(**behind, requests_per_second=0.0, **own)))
            for own in ({}, {"receive_timeout": HURRY})
        ]
        connection = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True)
        )
        api = await stack.enter_async_context(session_api(session_address, ""))
        for number, name in ((OUR_NUMBER, "shop"), (OTHER_NUMBER, "desk")):
            await api.update_number(number, name)
        made = Place(gateways[0], gateways[1], api, {}, connection)
        made.values = await _values(made, session_address)
        yield made


def _simulator_settings() -> SimulatorSettings:
    numbers = tuple(NumberSettings(phone_number=number) for number in (OUR_NUMBER, OTHER_NUMBER))
    return SimulatorSettings(
        listen="127.0.0.1:0", control_listen="127.0.0.1:0", account_sid=ACCOUNT, auth_token=TOKEN, numbers=numbers
    )


async def _values(made: Place, session_address: str) -> dict[str, str]:
    """Keys of every kind, and a session each that is open, ended, and another agent's."""
    values = {"none": "", "unknown": f"parley_{uuid.uuid4().hex}_{'x' * 43}"}
    kinds: dict[str, tuple[list[str], list[str]]] = {
        "all": ([], ["send", "read"]),
        "shop": (["shop"], ["send", "read"]),
        "both": (["shop", "desk"], ["send", "read"]),
        "send": ([], ["send"]),
        "read": ([], ["read"]),
        "revoked": ([], ["send", "read"]),
        "expired": ([], ["send", "read"]),
    }
    async with key_api(session_address, "") as keys:
        for kind, (agents, scopes) in kinds.items():
            key, values[kind] = await keys.create(kind, agents, scopes, timedelta(hours=1))
            if kind == "revoked":
                await keys.revoke(key.key_id)
    await made.connection.execute("UPDATE session.keys SET expire_time = now() - interval '1 s' WHERE name = 'expired'")
    for n, (name, agent) in enumerate({"session": "shop", "ended": "shop", "other": "desk", "handed": "shop"}.items()):
        started = await made.api.start_session(agent, f"+155599900{n:02d}", "Your order is ready.")
        values[name] = started.session_id
    await made.api.end_session(values["ended"])
    await made.api.hand_off_session(values["handed"], "people", "asked for")
    return values
