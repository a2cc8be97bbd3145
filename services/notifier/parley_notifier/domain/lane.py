"""A lane: the deliveries of one thread in their order, at most one of them in flight."""

from __future__ import annotations

from dataclasses import dataclass, field

from parley_notifier.domain.delivery import Delivery
from parley_notifier.domain.opt_out import OptOutKey

WINDOW = 8
"""How many deliveries from the head on are read with a lane: enough for its next steps, whatever waits behind."""


@dataclass(slots=True)
class Lane:
    """The head is the delivery at `next_seq`; everything before it is final."""

    thread_id: str
    sender: str = field(repr=False)
    participant: str = field(repr=False)
    next_seq: int = 1
    in_flight: int | None = None
    """The seq that is claimed or unknown; the database refuses any but the head's."""
    wake_time: float | None = None
    """No later than the moment at which somebody has to look at the lane. Early is harmless, late is not: so
    a text that comes and goes need not move it, and the index on it stays small and still. Infinite while the sender
    is switched off: the lane sleeps until it is woken."""
    queue: dict[int, Delivery] = field(default_factory=dict, repr=False)
    """Deliveries by seq, from the head on, as far as they were read."""
    cut: bool = False
    """There may be more than `queue` holds."""
    opt_out_scope: str = field(default="", repr=False)
    """What the sender shares its opt-outs with; empty: nothing."""

    @property
    def scope(self) -> str:
        """The scope of the opt-outs that hold here."""
        return self.opt_out_scope or self.sender

    @property
    def opt_out_key(self) -> OptOutKey:
        return self.scope, self.participant

    @property
    def head(self) -> Delivery | None:
        return self.queue.get(self.next_seq)

    def may_hold(self, seq: int) -> bool:
        """Whether a delivery may have this place already: it is behind the lane, taken, or beyond what was read."""
        return seq < self.next_seq or seq in self.queue or self.cut

    def pass_final(self) -> None:
        while (head := self.head) is not None and head.final:
            self.next_seq += 1

    def due_time(self, now: float) -> float | None:
        """When somebody has to act on the head; None while there is nothing to do."""
        head = self.head
        if head is not None:
            return None if head.final else head.due_time
        # The head may lie behind what was read: look again, from there.
        return now if self.cut else None

    def wake(self, due: float | None, exact: bool = False) -> None:
        """Has the lane looked at by `due`; `exact` forgets an earlier time."""
        if exact or (due is not None and (self.wake_time is None or due < self.wake_time)):
            self.wake_time = due
