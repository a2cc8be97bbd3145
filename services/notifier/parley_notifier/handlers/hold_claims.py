"""What this process has taken on: how many sends may begin, which claims it works at, which lanes are in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Set

from parley_chassis.lifecycle import Wake
from parley_notifier.domain.decision import ClaimKey
from parley_notifier.domain.facts import Claim


class Claims:
    """Shared by everything that claims and sends in one process; `wake` calls for who claims what was left."""

    def __init__(self, slots: int, owner: str, wake: Wake) -> None:
        self.owner = owner
        self._free = slots
        self._slots = slots
        self._wake = wake
        self._held: set[ClaimKey] = set()
        self._doubtful: set[str] = set()
        self._starved = False
        self._closed = False

    @property
    def allowance(self) -> int:
        """How many texts may be claimed now."""
        return 0 if self._closed else max(self._free, 0)

    @property
    def held(self) -> Set[ClaimKey]:
        return self._held

    @property
    def idle(self) -> bool:
        return not self._held and self._free == self._slots

    def take(self, claims: Iterable[Claim]) -> None:
        """Holds the claims and their slots. Before the commit: another batch must not take them for orphans."""
        for claim in claims:
            self._held.add((claim.delivery_id, claim.attempt))
            self._free -= 1

    def withdraw(self, claims: Iterable[Claim]) -> None:
        """Undoes `take` after a commit that failed or whose answer was lost, and has the lanes looked at."""
        for claim in claims:
            self._held.discard((claim.delivery_id, claim.attempt))
            self._free += 1
            self.doubt({claim.thread_id})
            self._wake.set()

    def finish_send(self) -> None:
        """The send is over; its claim is held until the finding is committed."""
        self._free += 1
        if self._starved:
            self._starved = False
            self._wake.set()

    def let_go(self, claim: Claim) -> None:
        self._held.discard((claim.delivery_id, claim.attempt))

    def starve(self) -> None:
        """Something waits for a slot."""
        self._starved = True
        if self._free > 0:
            self._wake.set()

    def doubt(self, thread_ids: Iterable[str]) -> None:
        """What these lanes hold is not known to this process: they are looked at next time."""
        self._doubtful.update(thread_ids)

    def take_doubtful(self) -> set[str]:
        doubtful, self._doubtful = self._doubtful, set()
        return doubtful

    def close(self) -> None:
        """From now on nothing is claimed."""
        self._closed = True
