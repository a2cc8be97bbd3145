"""Whether the services answer, here and from where Twilio calls."""

from __future__ import annotations

import asyncio
import json

import aiohttp

from parley_cli.doctor.finding import Finding
from parley_cli.stack.processes import grpc_probe, http_probe
from parley_cli.stack.stack_file import StackAddresses

TIMEOUT = 8.0
RESTART = "look at what it logged last, and start the stack again: `parley up`"


async def examine_services(stack: StackAddresses) -> list[Finding]:
    names = ("session", "agent", "notifier")
    probes = [*(_grpc(name, getattr(stack, name)) for name in names), _gateway(stack)]
    return list(await asyncio.gather(*probes))


async def examine_public_url(stack: StackAddresses) -> list[Finding]:
    name, url = "public URL", stack.webhooks.ready_url
    tunnel = (
        f"let what serves {stack.public_url} lead to {stack.gateway}, e.g. `cloudflared tunnel --url {stack.gateway}`"
    )
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(url) as response,
        ):
            status, body = response.status, await response.text()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return [Finding.bad(name, f"{url} does not answer ({type(error).__name__})", tunnel)]
    if status != 200 or not _is_gateway(body):
        return [Finding.bad(name, f"{url} answers {status}, and not as a gateway of Parley does", tunnel)]
    return [Finding.ok(name, stack.public_url)]


async def _grpc(name: str, addresses: str) -> Finding:
    away = [address for address in addresses.split(",") if not await grpc_probe(address)()]
    if away:
        return Finding.bad(name, f"{', '.join(away)} does not serve", RESTART)
    return Finding.ok(name, addresses)


async def _gateway(stack: StackAddresses) -> Finding:
    if not await http_probe(f"{stack.gateway}/health/ready")():
        return Finding.bad("gateway", f"{stack.gateway} does not serve", RESTART)
    return Finding.ok("gateway", stack.gateway)


def _is_gateway(body: str) -> bool:
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("status") == "ok"
