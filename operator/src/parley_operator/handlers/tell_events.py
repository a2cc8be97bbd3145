"""Posts events about a resource. One that cannot be posted is logged and lost: events are news, not state."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from parley_operator.domain.conditions import FALSE, Condition
from parley_operator.domain.resource import Resource
from parley_operator.errors import ClusterUnavailable, Conflict
from parley_operator.ports import Cluster

log = logging.getLogger(__name__)


class TellEvents:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def __call__(self, resource: Resource, reason: str, message: str, *, is_warning: bool = False) -> None:
        try:
            await self._cluster.post_event(resource, reason, message, is_warning=is_warning)
        except (ClusterUnavailable, Conflict) as error:
            extra = {"namespace": resource.namespace, "resource": resource.name, "reason": reason}
            log.warning("event_lost", extra={**extra, "problem": error.message})

    async def tell_transitions(self, resource: Resource, changed: Iterable[Condition]) -> None:
        for condition in changed:
            words = f"{condition.type} is {condition.status}: {condition.message}"
            await self(resource, condition.reason, words, is_warning=condition.status == FALSE)
