"""Takes note of what a watch or a list shows of the resources, and has worked on what is not as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from parley_operator.domain.known import KnownResources
from parley_operator.domain.resource import Key, Resource
from parley_operator.domain.sightings import Sightings

Ask = Callable[[Key], None]
Switch = Callable[[Resource | None, Resource], None]


class SeeResource:
    """`ask` has a resource worked on soon; `switch` is told of each change."""

    def __init__(self, known: KnownResources, sightings: Sightings, ask: Ask, switch: Switch) -> None:
        self._known = known
        self._sightings = sightings
        self._ask = ask
        self._switch = switch

    def told(self, resource: Resource, *, is_gone: bool) -> None:
        """By the watch."""
        if is_gone:
            self._sightings.told_gone(resource.uid)
            self._known.forget(resource.key)
        else:
            self._sightings.told(resource.uid, resource.version)
            self._take(resource)

    def listed(self, resources: Sequence[Resource]) -> None:
        """All that there are."""
        self._sightings.listed({resource.uid: resource.version for resource in resources}, time.monotonic())
        self._known.keep_only(resource.key for resource in resources)
        for resource in resources:
            self._take(resource)

    def _take(self, resource: Resource) -> None:
        before = self._known.get(resource.key)
        if not self._known.note(resource):
            return  # our own write, or news that are old
        self._switch(before, resource)
        if before is None or _concerns_us(before) != _concerns_us(resource):
            self._ask(resource.key)


def _concerns_us(resource: Resource) -> tuple[object, ...]:
    """What makes work when it changes. The status is left out: who else writes it is corrected at the next resync."""
    return (
        resource.uid,
        resource.generation,
        resource.deleting,
        resource.is_guarded,
        sorted(resource.annotations.items()),
    )
