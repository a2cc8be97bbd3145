"""What becomes of an accepted outbound message, and which of its changes are called back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from parley_simulator.domain.faults import Fault, Kind
from parley_simulator.domain.opt_outs import UNSUBSCRIBED


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from ready to `sent`, and from `sent` to the last status."""

    sent: float
    final: float


@dataclass(frozen=True, slots=True)
class Step:
    """At `due` the message has `status`; `reports` are the statuses called back then, one after the other."""

    due: float
    status: str
    reports: tuple[str, ...]
    error_code: int | None = None


def plan(
    ready: float, pace: Pace, faults: Iterable[Fault], late_block: int | None, *, in_service: bool = False
) -> tuple[Step, ...]:
    """`ready`: when the sender's queue comes to the message. The initial status is never called back: `queued`, or
    `accepted` for a messaging service, whose messages are `queued` once it has chosen a sender.
    """
    struck = list(faults)
    if any(fault.kind is Kind.STALL for fault in struck):
        return ()
    chosen = (Step(ready, "queued", _reports("queued", struck)),) if in_service else ()
    return chosen + _sending(ready, pace, struck, late_block)


def _sending(ready: float, pace: Pace, struck: list[Fault], late_block: int | None) -> tuple[Step, ...]:
    # What Twilio blocks never leaves it; what the toll-free network blocks comes back.
    blocked = "failed" if late_block == UNSUBSCRIBED else "undelivered"
    final, code = "delivered" if late_block is None else blocked, late_block
    for fault in struck:
        if fault.kind is Kind.FAIL:
            final, code = fault.message_status or "undelivered", fault.code
    late = sum(fault.seconds for fault in struck if fault.kind is Kind.DELAY_CALLBACKS)
    sent_at = ready + pace.sent + late
    if final == "failed":
        return (Step(sent_at, final, _reports(final, struck), code),)
    sent, last = _reports("sent", struck), _reports(final, struck)
    if any(fault.kind is Kind.REORDER_CALLBACKS for fault in struck):
        sent, last = (), last + sent
    return (Step(sent_at, "sent", sent), Step(sent_at + pace.final, final, last, code))


def _reports(status: str, struck: list[Fault]) -> tuple[str, ...]:
    times = 1
    for fault in struck:
        if fault.message_status in (None, status):
            if fault.kind is Kind.LOSE_CALLBACK:
                return ()
            if fault.kind is Kind.DUPLICATE_CALLBACK:
                times += 1
    return (status,) * times


class SenderQueues:
    """When each number's queue is empty again, at so many segments a second; 0 is without limit."""

    def __init__(self) -> None:
        self._free: dict[str, float] = {}

    def clear(self) -> None:
        self._free.clear()

    def wait(self, number: str, now: float) -> float:
        """Seconds until a text accepted now would leave."""
        return max(self._free.get(number, now) - now, 0.0)

    def enter(self, number: str, now: float, segments: int, per_second: float) -> float:
        """The time at which the text leaves."""
        if per_second <= 0:
            return now
        ready = max(self._free.get(number, now), now)
        self._free[number] = ready + segments / per_second
        return ready
