"""Probes as the kubelet makes them: from the node, in plain text, with the manifest's path, port and patience."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.kube.chart.node.box import Box
from tests.kube.chart.node.network import Network
from tests.kube.client import Object

BUSY = 10.0
"""How much longer than it says a probe may take on a machine that is busy."""


async def succeeds(probe: Object, box: Box, network: Network, container: Object) -> str:
    """Why it does not; empty if it does."""
    limit = probe.get("timeoutSeconds", 1) * BUSY
    try:
        async with asyncio.timeout(limit):
            if "exec" in probe:
                code, said = await box.execute(probe["exec"]["command"], limit)
                return f"exec ended with {code}: {said}" if code else ""
            if "httpGet" in probe:
                return await _http(probe["httpGet"], box, network, container)
            return await _grpc(probe["grpc"], box, network, limit)
    except (OSError, EOFError, ValueError, grpc.aio.AioRpcError) as error:
        return f"{type(error).__name__}: {error}"


async def _http(get: Object, box: Box, network: Network, container: Object) -> str:
    assert get.get("scheme", "HTTP") == "HTTP", "no probe by HTTPS is made here"
    address, port = box.plug.address.partition("/")[0], port_number(get["port"], container)
    reader, writer = await network.connect(address, port)
    try:
        head = f"GET {get.get('path', '/')} HTTP/1.1\r\nHost: {address}:{port}\r\nUser-Agent: kube-probe/1.37\r\n"
        writer.write(f"{head}Accept: */*\r\nConnection: close\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        return "" if 200 <= status < 400 else f"HTTP status {status}"
    except IndexError:
        return "no HTTP answer"
    finally:
        writer.close()


async def _grpc(call: Object, box: Box, network: Network, limit: float) -> str:
    async with (
        network.forwarded(box.plug.address.partition("/")[0], call["port"]) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        # The published stubs of the health service know no asyncio.
        check: Any = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
        answer = await check(health_pb2.HealthCheckRequest(service=call.get("service", "")), timeout=limit)
    return "" if answer.status == health_pb2.HealthCheckResponse.SERVING else f"status {answer.status}"


def port_number(port: int | str, container: Object) -> int:
    """Of a port that may be given by its name."""
    if isinstance(port, int):
        return port
    [number] = [one["containerPort"] for one in container["ports"] if one["name"] == port]
    return int(number)
