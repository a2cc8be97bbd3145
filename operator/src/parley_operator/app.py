"""Puts the operator together and runs it: watch, list, queue, Twilio accounts, the session service's register."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from parley_chassis.lifecycle import loop_running
from parley_operator.adapters.accounts_folder import accounts_in
from parley_operator.adapters.kubernetes.access import find_access
from parley_operator.adapters.kubernetes.bodies import resource_of
from parley_operator.adapters.kubernetes.cluster import cluster_at
from parley_operator.adapters.session_client import SessionRegister
from parley_operator.domain.known import KnownResources
from parley_operator.domain.resource import Resource
from parley_operator.domain.sightings import Sightings
from parley_operator.handlers.apply_step import ApplyStep
from parley_operator.handlers.gather_facts import GatherFacts, ObservedAccounts
from parley_operator.handlers.observe_register import ObservedRegister
from parley_operator.handlers.reconcile_number import ReconcileNumber
from parley_operator.handlers.see_resource import SeeResource
from parley_operator.handlers.switch_sending import SwitchSending
from parley_operator.handlers.tell_events import TellEvents
from parley_operator.handlers.watch_resources import watching
from parley_operator.ports import Accounts, Cluster
from parley_operator.routes import health_served
from parley_operator.settings import Settings
from parley_operator.workers import reload_accounts
from parley_operator.workers.list_resources import ListResources
from parley_operator.workers.reconcile_numbers import ReconcileNumbers

CUT = 1.0
"""Seconds that a job gets to finish which may be cut anywhere."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A running operator. `address` is where its health is asked for."""

    address: str


class _Parts:
    """The handlers, tied together."""

    def __init__(self, settings: Settings, cluster: Cluster, accounts: Accounts, register: ObservedRegister) -> None:
        terms, known, tell = settings.terms, KnownResources(), TellEvents(cluster)
        observed = ObservedAccounts(accounts, settings.observe_age)
        gather = GatherFacts(cluster, observed, register, known, terms, time.time)
        apply = ApplyStep(cluster, observed, register, known, tell, time.time)
        self.sightings = Sightings()
        self.queue = ReconcileNumbers(
            ReconcileNumber(cluster, known, gather, apply, tell),
            settings.resync,
            lambda key: known.get(key) is not None,
        )
        self._switch = SwitchSending(register)
        self._switching: set[asyncio.Task[None]] = set()
        self.see = SeeResource(known, self.sightings, self.queue.ask, self._start_switch)
        self.list = ListResources(cluster, self.see, self.sightings)
        self.reload = reload_accounts.ReloadAccounts(accounts, known, self.queue.ask)

    def seen(self, body: Mapping[str, Any], is_gone: bool) -> None:
        self.see.told(resource_of(body), is_gone=is_gone)

    def _start_switch(self, before: Resource | None, now: Resource) -> None:
        task = asyncio.create_task(self._switch(before, now), name="switch_sending")
        self._switching.add(task)
        task.add_done_callback(self._switching.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._switching, return_exceptions=True)


@asynccontextmanager
async def running(settings: Settings, environment: Mapping[str, str] | None = None) -> AsyncIterator[Operator]:
    """Runs the operator until left; then finishes what is under work.

    Raises SettingsError when nothing says how the API server is reached. Waits for neither it, Twilio nor the session
    service: they may come later.
    """
    access = find_access(os.environ if environment is None else environment)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(cluster_at(access, settings.namespaces))
        accounts = await stack.enter_async_context(accounts_in(settings.twilio_accounts, settings.twilio_timeout))
        session = SessionRegister(settings.session_address, settings.process)
        stack.push_async_callback(session.close)
        parts = _Parts(settings, cluster, accounts, ObservedRegister(session, settings.observe_age))
        stack.push_async_callback(parts.close)
        await stack.enter_async_context(parts.queue.running(settings.workers, parts.list.complete))
        await stack.enter_async_context(
            loop_running("reload_accounts", parts.reload, interval=reload_accounts.INTERVAL, grace=CUT)
        )
        await stack.enter_async_context(watching(access, settings.namespaces, parts.seen, parts.sightings.ended))
        await stack.enter_async_context(
            loop_running("list_resources", parts.list, interval=settings.list_interval, grace=CUT)
        )
        address = await stack.enter_async_context(
            health_served(settings.listen, parts.sightings, settings.watch_limit, parts.list.complete.is_set)
        )
        yield Operator(address)
