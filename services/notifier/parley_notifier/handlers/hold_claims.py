"""What this process has taken on: how many sends may begin, which claims it works at, which lanes are in doubt.

How many may begin is what Twilio's answers say: fewer after a 429, none for a while when it refuses the account.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Set

from parley_chassis.lifecycle import Wake
from parley_notifier.domain.circuit import Circuit
from parley_notifier.domain.congestion import Congestion
from parley_notifier.domain.decision import ClaimKey
from parley_notifier.domain.facts import Claim, Finding
from parley_notifier.domain.outcomes import ACCEPTED, ACCOUNT_REFUSED, THROTTLED

log = logging.getLogger(__name__)


class Claims:
    """Shared by everything that claims and sends in one process; `wake` calls for who claims what was left."""

    def __init__(self, slots: int, owner: str, wake: Wake, pause: float = 60.0) -> None:
        self.owner = owner
        self._free = slots
        self._slots = slots
        self._wake = wake
        self._held: set[ClaimKey] = set()
        self._doubtful: set[str] = set()
        self._starved = False
        self._closed = False
        self._congestion = Congestion(slots)
        self._circuit = Circuit(pause)

    @property
    def allowance(self) -> int:
        """How many texts may be claimed now."""
        under_way = self._slots - self._free
        free = max(self._congestion.limit - under_way, 0)
        return 0 if self._closed else self._circuit.room(free, under_way, time.monotonic())

    @property
    def closed_for(self) -> float:
        """Seconds for which nothing is claimed because Twilio refuses the account."""
        return self._circuit.remaining(time.monotonic())

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

    def finish_send(self, finding: Finding | None) -> None:
        """The send is over, with what it found; its claim is held until that is committed."""
        if finding is not None:
            self._learn(finding)
        self._free += 1
        if self._starved:
            self._starved = False
            self._wake.set()

    def let_go(self, claim: Claim) -> None:
        """What was found is committed. What never is stays held for good: only then can nobody take it for an orphan,
        however late its lane is looked at. That is a few bytes for each fault that was logged."""
        self._held.discard((claim.delivery_id, claim.attempt))

    def starve(self) -> None:
        """Something waits for a slot."""
        self._starved = True
        if self.allowance > 0:
            self._wake.set()

    def doubt(self, thread_ids: Iterable[str]) -> None:
        """What these lanes hold is not known to this process: they are looked at next time."""
        self._doubtful.update(thread_ids)

    def take_doubtful(self) -> set[str]:
        doubtful, self._doubtful = self._doubtful, set()
        return doubtful

    def refuse_account(self, error_code: int) -> None:
        """Nothing is claimed for a while, then one text to see."""
        if self._circuit.refuse(time.monotonic()):
            log.error("account_refused", extra={"error_code": error_code})

    def _learn(self, finding: Finding) -> None:
        outcome, answer = finding.outcome, finding.answer
        if outcome is ACCOUNT_REFUSED:
            self.refuse_account(answer.error_code)
        elif 0 < answer.http_status < 500 and self._circuit.answer(finding.began):
            log.info("account_accepted")
        if outcome is ACCEPTED and self._congestion.accepted(finding.began):
            log.info("sending_recovered", extra={"at_once": self._congestion.limit})
        elif outcome is THROTTLED and self._congestion.throttled(
            finding.began, finding.ended, self._slots - self._free
        ):
            log.warning("sending_slowed", extra={"at_once": self._congestion.limit})

    def close(self) -> None:
        """From now on nothing is claimed."""
        self._closed = True
