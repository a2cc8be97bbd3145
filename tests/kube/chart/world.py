"""What an installation of the chart finds: a database with two roles, Twilio, an ingress controller, and Secrets."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
import trustme
from psycopg import sql

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.roles import ensure_roles, role_of
from tests.kube.chart.ingress import ingress_at
from tests.kube.chart.node.box import Box, Mount
from tests.kube.chart.node.kubelet import Kubelet
from tests.kube.chart.node.network import to_address
from tests.kube.client import CONFIG_MAPS, SECRETS, Client, Object
from tests.kube.operator.rig import forget_numbers

TWILIO, DATABASE, GATEWAY = "203.0.113.10", "203.0.113.20", "203.0.113.30"
TWILIO_HOSTS = ("api.twilio.com", "messaging.twilio.com", "numbers.twilio.com")
DATABASE_HOST, GATEWAY_HOST = "postgres.example.com", "sms.example.com"
OUTSIDE = {DATABASE_HOST: DATABASE, GATEWAY_HOST: GATEWAY, **dict.fromkeys(TWILIO_HOSTS, TWILIO)}
ACCOUNT_SID, AUTH_TOKEN = "AC" + "0" * 31 + "1", "the-token-of-the-test-account"
API_KEY_SID, API_KEY_SECRET = "SK" + "0" * 31 + "2", "the-secret-of-the-api-key"
PASSWORDS = {"session": "p@ss/word of session", "notifier": "p@ss:word of notifier"}
SIMULATOR, CONTROL = 4010, 4011
READY_SECONDS = 60.0
AGENT = {
    "agent.yaml": "name: desk\ngreeting: answer\n",
    "agent.py": "def respond(conv, message):\n    return f'You said: {message}'\n",
}


@dataclass
class World:
    node: Kubelet
    twilio: Twilio
    database: str
    """Its name."""
    admin_url: str

    @property
    def kube(self) -> Client:
        return self.node.kube

    @property
    def namespace(self) -> str:
        return self.node.namespace

    async def put_secret(self, name: str, **data: str | bytes) -> None:
        """`__` in a key stands for a dot."""
        raw = {key: value.encode() if isinstance(value, str) else value for key, value in data.items()}
        encoded = {_key(key): base64.b64encode(value).decode() for key, value in raw.items()}
        await self.kube.apply(SECRETS, {"kind": "Secret", "metadata": {"name": name}, "data": encoded}, self.namespace)

    async def put_config_map(self, name: str, data: dict[str, str]) -> None:
        content: Object = {"kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        await self.kube.apply(CONFIG_MAPS, content, self.namespace)


@dataclass
class Twilio:
    """The simulator, in a container of its own, at the names of Twilio's own servers."""

    http: aiohttp.ClientSession
    control: str

    async def post(self, path: str, **body: Any) -> Any:
        async with self.http.post(f"{self.control}{path}", json=body) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    async def get(self, path: str, **query: str) -> Any:
        async with self.http.get(f"{self.control}{path}", params=query) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    async def text(self, participant: str, number: str, body: str) -> str:
        """What became of it. Participants are not of Canada, whose numbers are bought."""
        return str((await self.post("/inbound", **{"from": participant, "to": number, "body": body}))["outcome"])

    async def replies(self, participant: str, count: int = 1, seconds: float = 60.0) -> list[str]:
        """What has come when it is `count` texts, or when the time is up."""
        found = await self.get("/wait", participant=participant, count=str(count), timeout=str(seconds))
        return [message["body"] for message in found["messages"]]


@asynccontextmanager
async def world_in(node: Kubelet, authority: trustme.CA, postgres: EmbeddedPostgres) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        database, admin_url = await stack.enter_async_context(_database(postgres))
        port = int(postgres.tcp_url().rpartition(":")[2].partition("/")[0])
        await node.network.open_door(DATABASE, 5432, to_address("127.0.0.1", port))
        twilio = await stack.enter_async_context(_twilio(node, authority))
        tls = _server_tls(authority, GATEWAY_HOST)
        await stack.enter_async_context(ingress_at(GATEWAY, node.network, node.kube, node.namespace, tls))
        try:
            yield World(node, twilio, database, admin_url)
        finally:
            await forget_numbers(node.kube, node.namespace)


@asynccontextmanager
async def _database(postgres: EmbeddedPostgres) -> AsyncIterator[tuple[str, str]]:
    """An empty one, and the two roles with their passwords; the schemas' tables are the migrations' to make."""
    name = f"chart_{uuid4().hex[:12]}"
    admin = postgres.url(database="postgres")
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        await ensure_roles(postgres.url(database=name))
        for schema, password in PASSWORDS.items():
            change = sql.SQL("ALTER ROLE {} PASSWORD {}")
            await connection.execute(change.format(sql.Identifier(role_of(schema)), sql.Literal(password)))
        try:
            yield name, postgres.url(database=name)
        finally:
            await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@asynccontextmanager
async def _twilio(node: Kubelet, authority: trustme.CA) -> AsyncIterator[Twilio]:
    address = node.network.new_address()
    settings = {
        "LISTEN": f"0.0.0.0:{SIMULATOR}",
        "CONTROL_LISTEN": f"0.0.0.0:{CONTROL}",
        "ACCOUNT_SID": ACCOUNT_SID,
        "AUTH_TOKEN": AUTH_TOKEN,
        "API_KEYS": f'{{"{API_KEY_SID}": "{API_KEY_SECRET}"}}',
    }
    told = {f"PARLEY_SIMULATOR_{name}": value for name, value in settings.items()}
    command = ["python", "-m", "parley_simulator"]
    await node.names.refresh()
    hosts = [Mount(str(node.names.file), "/etc/hosts")]
    box = Box(node.folder.parent / "twilio", node.image, command, told, hosts, node.network.plug(address))
    await box.start()
    try:
        async with node.network.http() as http:
            found = Twilio(http, f"http://{address}:{CONTROL}")
            await _answers(found, box)
            tls = _server_tls(authority, *TWILIO_HOSTS)
            await node.network.open_door(TWILIO, 443, lambda: node.network.connect(address, SIMULATOR), tls)
            yield found
    finally:
        await box.kill()


async def _answers(twilio: Twilio, box: Box) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            assert box.code is None, box.tail()
            try:
                await twilio.get("/health")
                return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


def _server_tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def _key(name: str) -> str:
    return name.replace("__", ".")
