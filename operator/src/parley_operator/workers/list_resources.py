"""Lists the resources now and then: finds what no watch told, and by that whether the watch lives."""

from __future__ import annotations

import asyncio
import time

from parley_operator.domain.sightings import Sightings
from parley_operator.errors import ClusterUnavailable
from parley_operator.handlers.see_resource import SeeResource
from parley_operator.ports import Cluster


class ListResources:
    """`complete` is set from the first whole list on: before that nobody knows who holds which number."""

    def __init__(self, cluster: Cluster, see: SeeResource, sightings: Sightings) -> None:
        self._cluster = cluster
        self._see = see
        self._sightings = sightings
        self.complete = asyncio.Event()

    async def __call__(self) -> bool:
        try:
            resources = await self._cluster.list()
        except ClusterUnavailable as error:
            if error.is_forbidden:
                self._sightings.refused(time.monotonic())
            raise
        self._see.listed(resources)
        self.complete.set()
        return False
