"""The resources as they were seen last: by the watch, by a list, or in the answer to a write of ours."""

from __future__ import annotations

from collections.abc import Iterable

from parley_operator.domain.resource import Key, Resource


class KnownResources:
    """Never goes back to an older version of a resource."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Resource] = {}

    def get(self, key: Key) -> Resource | None:
        return self._by_key.get(key)

    def note(self, resource: Resource) -> bool:
        """Whether it is another version than was known."""
        known = self._by_key.get(resource.key)
        if known is not None and known.uid == resource.uid and _order(known) >= _order(resource):
            return False
        self._by_key[resource.key] = resource
        return True

    def forget(self, key: Key) -> None:
        self._by_key.pop(key, None)

    def keep_only(self, keys: Iterable[Key]) -> None:
        kept = set(keys)
        for key in [key for key in self._by_key if key not in kept]:
            self.forget(key)

    def keys(self) -> list[Key]:
        return list(self._by_key)

    def purchases(self, resource: Resource) -> int:
        """Numbers that other resources of the namespace have bought, or are about to."""
        return sum(
            other.counts_as_purchase
            for other in self._by_key.values()
            if other.namespace == resource.namespace and other.uid != resource.uid
        )

    def held_by_others(self, resource: Resource) -> frozenset[str]:
        """Phone numbers."""
        return frozenset(
            number for other in self._by_key.values() if other.uid != resource.uid for number in other.holds
        )

    def rival_of(self, resource: Resource) -> str:
        """The resource that goes before this one for its number, as namespace/name; empty when there is none.

        Who holds a number goes before who only names it, and an older resource before a younger one.
        """
        number = resource.status.phone_number or resource.spec.phone_number
        for other in self._by_key.values() if number else ():
            if other.uid == resource.uid or other.status.phone_number != number:
                continue
            if not resource.status.phone_number or other.age_rank < resource.age_rank:
                return f"{other.namespace}/{other.name}"
        return ""

    def is_shared(self, resource: Resource) -> str:
        """Another resource that holds the same number, whichever is older; empty when there is none."""
        number = resource.status.phone_number
        for other in self._by_key.values() if number else ():
            if other.uid != resource.uid and other.status.phone_number == number and not other.deleting:
                return f"{other.namespace}/{other.name}"
        return ""


def _order(resource: Resource) -> int:
    return int(resource.version) if resource.version.isdigit() else 0
