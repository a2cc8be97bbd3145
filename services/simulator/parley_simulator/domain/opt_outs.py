"""Whom Twilio blocks: pairs of a sender and a participant, where the numbers of a messaging service are one sender.

A toll-free number stays a sender of its own, also in a service: its blocks are the network's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from parley_simulator.domain.keywords import LONG_CODE, TOLL_FREE, Rules, Verdict, is_toll_free, judge
from parley_simulator.domain.messaging_services import MessagingServices

UNSUBSCRIBED = 21610


@dataclass(frozen=True, slots=True)
class Block:
    """Why a text is not sent: at once with an error, or `late`, accepted first and failed afterwards."""

    code: int
    late: bool


class OptOuts:
    def __init__(self, services: MessagingServices) -> None:
        self._services = services
        self._pairs: set[tuple[str, str]] = set()
        self.late = False
        """Whether every block is late, as Twilio's may be. Those of Advanced Opt-Out and of toll-free numbers are."""

    def __contains__(self, pair: tuple[str, str]) -> bool:
        """Whether (one of our numbers, participant) is blocked."""
        number, participant = pair
        return (self._sender(number), participant) in self._pairs

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(phone number or service's sid, participant)"""
        return iter(sorted(self._pairs))

    def clear(self) -> None:
        self._pairs.clear()
        self.late = False

    def heed(self, number: str, participant: str, body: str) -> Verdict:
        """Does what a text from the participant says, if it is a keyword."""
        pair = (self._sender(number), participant)
        verdict = judge(self._rules(number), body, blocked=pair in self._pairs)
        if verdict.blocked:
            self._pairs.add(pair)
        else:
            self._pairs.discard(pair)
        return verdict

    def block(self, number: str, participant: str) -> Block | None:
        """What hinders a text from `number` to the participant."""
        if (number, participant) not in self:
            return None
        late = self._rules(number).late_block
        return Block(late or UNSUBSCRIBED, late is not None or self.late)

    def _sender(self, number: str) -> str:
        service = self._services.of(number)
        return number if service is None or is_toll_free(number) else service.sid

    def _rules(self, number: str) -> Rules:
        if is_toll_free(number):
            return TOLL_FREE
        service = self._services.of(number)
        return (service.advanced_opt_out if service else None) or LONG_CODE
