"""The schedule of faults: what goes wrong, for whom, how often. Chance comes from outside: a seed decides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    # Answers of the REST API; `accepted` says whether the request counts.
    RATE_LIMIT = "rate_limit"
    ERROR = "error"
    CUT = "cut"
    SLOW = "slow"
    # What becomes of an accepted message.
    FAIL = "fail"
    STALL = "stall"
    # Status callbacks of a message.
    DELAY_CALLBACKS = "delay_callbacks"
    LOSE_CALLBACK = "lose_callback"
    DUPLICATE_CALLBACK = "duplicate_callback"
    REORDER_CALLBACKS = "reorder_callbacks"
    # Webhooks of a text from a participant.
    LOSE_INBOUND = "lose_inbound"
    DUPLICATE_INBOUND = "duplicate_inbound"


REQUEST_KINDS = frozenset({Kind.RATE_LIMIT, Kind.ERROR, Kind.CUT, Kind.SLOW})
FATE_KINDS = frozenset(
    {
        Kind.FAIL,
        Kind.STALL,
        Kind.DELAY_CALLBACKS,
        Kind.LOSE_CALLBACK,
        Kind.DUPLICATE_CALLBACK,
        Kind.REORDER_CALLBACKS,
    }
)
INBOUND_KINDS = frozenset({Kind.LOSE_INBOUND, Kind.DUPLICATE_INBOUND})
CREATE = "messages.create"
ANY_OPERATION = "*"


@dataclass(frozen=True, slots=True)
class Occasion:
    """A moment at which a fault may strike; `parties` are the phone numbers concerned."""

    operation: str
    parties: tuple[str, ...] = field(default=(), repr=False)


@dataclass(slots=True)
class Fault:
    """`count` strikes are left (None: no end); each is taken with `probability`."""

    id: int
    kind: Kind
    count: int | None = 1
    probability: float = 1.0
    participant: str | None = field(default=None, repr=False)
    number: str | None = field(default=None, repr=False)
    operation: str = CREATE
    accepted: bool = False
    """cut, error, slow: after the request was accepted instead of before."""
    status: int = 503
    """error: the HTTP status."""
    code: int | None = None
    """fail: the error code of the message; error: the code in the body, if not 20000 + status."""
    seconds: float = 0.0
    """slow, delay_callbacks: how long."""
    message_status: str | None = None
    """fail: `failed` or `undelivered`; lose_callback, duplicate_callback: only this status."""
    strikes: int = 0

    def concerns(self, occasion: Occasion) -> bool:
        return (
            self.count != 0
            and (self.participant is None or self.participant in occasion.parties)
            and (self.number is None or self.number in occasion.parties)
            and (self.kind not in REQUEST_KINDS or self.operation in (occasion.operation, ANY_OPERATION))
        )


class FaultSchedule:
    """The faults set, in the order in which they were set. `roll` gives a number from 0 up to 1."""

    def __init__(self, roll: Callable[[], float]) -> None:
        self._roll = roll
        self._faults: list[Fault] = []
        self._last_id = 0

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self, fault_id: int | None = None) -> None:
        self._faults = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]

    def strikes(self, occasion: Occasion, kinds: frozenset[Kind], *, accepted: bool | None = None) -> Iterator[Fault]:
        """The faults that strike, lazily: one that the caller does not come to is not used up."""
        for fault in list(self._faults):
            if fault.kind not in kinds or (accepted is not None and fault.accepted is not accepted):
                continue
            if not fault.concerns(occasion) or (fault.probability < 1.0 and self._roll() >= fault.probability):
                continue
            if fault.count is not None:
                fault.count -= 1
            fault.strikes += 1
            yield fault
