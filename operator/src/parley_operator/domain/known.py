"""The resources as they were seen last: by the watch, by a list, or in the answer to a write of ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from parley_operator.domain.resource import Key, Resource


class KnownResources:
    """Never goes back to an older version of a resource. What is asked of all of them is answered from indexes."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Resource] = {}
        self._holders: defaultdict[str, set[Key]] = defaultdict(set)
        """By the phone number that they hold or have chosen."""
        self._buyers: defaultdict[str, set[Key]] = defaultdict(set)
        """By namespace: those that count as a purchase."""

    def get(self, key: Key) -> Resource | None:
        return self._by_key.get(key)

    def note(self, resource: Resource) -> bool:
        """Whether it is another version than was known."""
        known = self._by_key.get(resource.key)
        if known is not None and known.uid == resource.uid and _order(known) >= _order(resource):
            return False
        self.forget(resource.key)
        self._by_key[resource.key] = resource
        for number in resource.holds:
            self._holders[number].add(resource.key)
        if resource.counts_as_purchase:
            self._buyers[resource.namespace].add(resource.key)
        return True

    def forget(self, key: Key) -> None:
        known = self._by_key.pop(key, None)
        if known is None:
            return
        for number in known.holds:
            self._holders[number].discard(key)
            if not self._holders[number]:
                del self._holders[number]
        self._buyers[known.namespace].discard(key)

    def keep_only(self, keys: Iterable[Key]) -> None:
        kept = set(keys)
        for key in [key for key in self._by_key if key not in kept]:
            self.forget(key)

    def keys(self) -> list[Key]:
        return list(self._by_key)

    def purchases(self, resource: Resource) -> int:
        """Numbers that other resources of the namespace have bought, or are about to."""
        buyers = self._buyers.get(resource.namespace) or set()
        return len(buyers) - (resource.key in buyers and self._by_key[resource.key].uid == resource.uid)

    def is_taken(self, phone_number: str, resource: Resource) -> bool:
        """Whether another resource holds the number, or has chosen it."""
        return any(True for _ in self._others(phone_number, resource))

    def rival_of(self, resource: Resource) -> str:
        """The resource that goes before this one for its number, as namespace/name; empty when there is none.

        Who holds a number goes before who only names it, and an older resource before a younger one.
        """
        number = resource.status.phone_number or resource.spec.phone_number
        for other in self._others(number, resource):
            if other.status.phone_number != number:
                continue
            if not resource.status.phone_number or other.age_rank < resource.age_rank:
                return f"{other.namespace}/{other.name}"
        return ""

    def is_shared(self, resource: Resource) -> str:
        """Another resource that holds the same number, whichever is older; empty when there is none."""
        number = resource.status.phone_number
        for other in self._others(number, resource):
            if other.status.phone_number == number and not other.deleting:
                return f"{other.namespace}/{other.name}"
        return ""

    def _others(self, phone_number: str, resource: Resource) -> Iterator[Resource]:
        """The other resources that hold the number, or have chosen it; the oldest first."""
        found = [self._by_key[key] for key in self._holders.get(phone_number, ())]
        return iter(sorted((other for other in found if other.uid != resource.uid), key=lambda other: other.age_rank))


def _order(resource: Resource) -> int:
    return int(resource.version) if resource.version.isdigit() else 0
