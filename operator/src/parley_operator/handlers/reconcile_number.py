"""Brings one PhoneNumber closer to what its owner wants: gather, plan, apply one step, and again until none is left."""

from __future__ import annotations

import logging

from parley_operator.domain.conditions import transitions
from parley_operator.domain.known import KnownResources
from parley_operator.domain.plan import Plan, plan
from parley_operator.domain.resource import Key
from parley_operator.domain.steps import RemoveFinalizer
from parley_operator.handlers.apply_step import ApplyStep
from parley_operator.handlers.gather_facts import GatherFacts, Run
from parley_operator.handlers.tell_events import TellEvents
from parley_operator.ports import Cluster

log = logging.getLogger(__name__)

STEPS = 40
"""In one run. More would mean that a step does not bring about what the next plan expects of it."""
AGAIN = 1.0


class ReconcileNumber:
    def __init__(
        self, cluster: Cluster, known: KnownResources, gather: GatherFacts, apply: ApplyStep, tell: TellEvents
    ) -> None:
        self._cluster = cluster
        self._known = known
        self._gather = gather
        self._apply = apply
        self._tell = tell

    async def __call__(self, key: Key) -> float | None:
        """Seconds until it is to be looked at again; None: at the next resync.

        Raises Conflict when the resource changed meanwhile, and ClusterUnavailable.
        """
        resource = await self._cluster.get(key)
        if resource is None:
            self._known.forget(key)
            return None
        self._known.note(resource)
        run = Run(resource)
        for _ in range(STEPS):
            facts = await self._gather(run)
            found = plan(facts)
            if found.step is None:
                await self._settle(run, found)
                return found.retry_after
            await self._apply(found.step, facts, run)
            if isinstance(found.step, RemoveFinalizer):
                return None
        log.error("no_end_of_steps", extra={"namespace": resource.namespace, "resource": resource.name})
        return AGAIN

    async def _settle(self, run: Run, found: Plan) -> None:
        before = run.resource.status
        if found.status == before:
            return
        run.resource = await self._cluster.write_status(run.resource, found.status)
        self._known.note(run.resource)
        changed = transitions(before.conditions, found.status.conditions)
        await self._tell.tell_transitions(run.resource, changed)
