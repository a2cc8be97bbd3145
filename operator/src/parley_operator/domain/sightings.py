"""Whether the watch still tells of what happens: what a list shows, the watch must have told, or tell soon.

A watch can die while its process lives on, and then says nothing for ever, as it does when nothing happens.
"""

from __future__ import annotations

from collections.abc import Mapping


class Sightings:
    """Versions by uid. Times are of one steady clock, in seconds."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._owed: dict[str, float] = {}
        """Since when the watch owes an event about a resource."""
        self._refused: float | None = None
        self._ended = False

    def told(self, uid: str, version: str) -> None:
        self._told[uid] = version
        self._owed.pop(uid, None)

    def told_gone(self, uid: str) -> None:
        self._told.pop(uid, None)
        self._owed.pop(uid, None)

    def ended(self) -> None:
        """The watch itself has stopped."""
        self._ended = True

    def listed(self, versions: Mapping[str, str], now: float) -> None:
        self._refused = None
        differing = {uid for uid in versions.keys() | self._told.keys() if versions.get(uid) != self._told.get(uid)}
        self._owed = {uid: self._owed.get(uid, now) for uid in differing}

    def refused(self, now: float) -> None:
        """The API server let us list nothing: a permission is gone, or a token. One that is away does not count."""
        self._refused = now if self._refused is None else self._refused

    def silence(self, now: float) -> float:
        """Seconds for which the watch has owed something, or the API server refused us; infinite when it has ended."""
        if self._ended:
            return float("inf")
        moments = [*self._owed.values(), *([self._refused] if self._refused is not None else [])]
        return max((now - moment for moment in moments), default=0.0)
