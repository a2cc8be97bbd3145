"""Has kopf watch the PhoneNumbers and tell what it sees. A table of contents: nothing is decided here.

kopf gets a thread and a loop of its own, because it takes every task of its loop for one of its own and ends them all
when it ends. It only watches: what is written, and when, a purchase must know exactly.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import kopf

from parley_operator.domain.resource import GROUP, PLURAL, VERSION
from parley_operator.ports import ClusterAccess

log = logging.getLogger(__name__)

SERVER_TIMEOUT, CLIENT_TIMEOUT, CONNECT_TIMEOUT = 240, 270, 10
"""Seconds after which a watch is begun anew, by the server and if it does not by us."""
PAUSES = (1, 2, 5, *[10] * 1000)
"""Seconds between tries at an API server that fails: kopf would give its watch up for good after the last."""
STOP = 10.0

Seen = Callable[[Mapping[str, Any], bool], None]
"""Is told of each event: the object, and whether it is gone."""


@asynccontextmanager
async def watching(
    access: ClusterAccess, namespaces: Sequence[str], seen: Seen, ended: Callable[[], None]
) -> AsyncIterator[None]:
    """`seen` and `ended` are called in this loop, never in kopf's."""
    loop, stop = asyncio.get_running_loop(), threading.Event()

    def tell(body: Mapping[str, Any], is_gone: bool) -> None:
        loop.call_soon_threadsafe(seen, body, is_gone)

    def run() -> None:
        try:
            asyncio.run(_operator(access, namespaces, tell, stop))
        except Exception as error:
            log.error("watch_failed", exc_info=error)
        if not stop.is_set():
            loop.call_soon_threadsafe(ended)

    thread = threading.Thread(target=run, name="kopf", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        await asyncio.to_thread(thread.join, STOP)


async def _operator(
    access: ClusterAccess,
    namespaces: Sequence[str],
    tell: Callable[[Mapping[str, Any], bool], None],
    stop: threading.Event,
) -> None:
    registry, settings = _registry(access, tell), _settings(namespaces)
    await kopf.operator(
        registry=registry,
        settings=settings,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )


def _registry(access: ClusterAccess, tell: Callable[[Mapping[str, Any], bool], None]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def log_in(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=access.server,
            ca_data=access.authority or None,
            insecure=access.insecure or None,
            certificate_data=access.certificate or None,
            private_key_data=access.key or None,
            token=access.bearer() or None,
        )

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def see(event: kopf.RawEvent, **_: Any) -> None:
        tell(event["object"], event["type"] == "DELETED")

    return registry


def _settings(namespaces: Sequence[str]) -> kopf.OperatorSettings:
    """kopf's finalizer keeps its own name: with handlers that need none, kopf takes the one of that name away."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.watching.server_timeout = SERVER_TIMEOUT
    settings.watching.client_timeout = CLIENT_TIMEOUT
    settings.watching.connect_timeout = CONNECT_TIMEOUT
    # Who looks after some namespaces may not be allowed to watch the CRDs; one that comes later is found by the list.
    settings.scanning.disabled = bool(namespaces)
    settings.networking.error_backoffs = PAUSES
    settings.process.ultimate_exiting_timeout = None
    return settings
