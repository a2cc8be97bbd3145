"""Everything the simulated Twilio knows about its one account."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from parley_simulator.domain.calls import CallLog
from parley_simulator.domain.faults import FaultSchedule
from parley_simulator.domain.inventory import Inventory
from parley_simulator.domain.journal import Journal
from parley_simulator.domain.lifecycle import SenderQueues
from parley_simulator.domain.messages import MessageLog
from parley_simulator.domain.messaging_services import MessagingServices
from parley_simulator.domain.numbers import Numbers
from parley_simulator.domain.opt_outs import OptOuts
from parley_simulator.domain.papers import Papers
from parley_simulator.domain.purchases import Standing
from parley_simulator.domain.registrations import Registrations

RECORDS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """`api_keys` maps a key's sid to its secret; they open the REST API and never sign webhooks."""

    sid: str
    auth_token: str = field(repr=False)
    api_keys: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Limits:
    """0 is without limit. `queue_seconds`: how long a sender's queue may be; `pool`: numbers in a messaging service."""

    concurrency: int = 0
    segments_per_second: float = 0.0
    queue_seconds: float = 36_000.0
    pool: int = 400


@dataclass(frozen=True, slots=True)
class Alert:
    """What Twilio would show in its debugger."""

    code: int
    sid: str
    at: float


@dataclass(frozen=True, slots=True)
class HookRecord:
    """One webhook: `kind` is inbound, fallback or status; `about` the message status that a status callback told."""

    kind: str
    sid: str
    about: str
    attempts: tuple[str, ...]
    """What each attempt came to: an HTTP status, or the reason why there was none."""
    delivered: bool


@dataclass(slots=True)
class World:
    account: Account
    limits: Limits
    faults: FaultSchedule
    numbers: Numbers = field(default_factory=Numbers)
    inventory: Inventory = field(default_factory=Inventory)
    papers: Papers = field(default_factory=Papers)
    registrations: Registrations = field(default_factory=Registrations)
    standing: Standing = field(default_factory=Standing)
    log: MessageLog = field(default_factory=MessageLog)
    services: MessagingServices = field(default_factory=MessagingServices)
    opt_outs: OptOuts = field(init=False, repr=False)
    queues: SenderQueues = field(default_factory=SenderQueues)
    alerts: deque[Alert] = field(default_factory=lambda: deque(maxlen=RECORDS_KEPT))
    hooks: deque[HookRecord] = field(default_factory=lambda: deque(maxlen=RECORDS_KEPT))
    journal: Journal = field(default_factory=Journal)
    calls: CallLog = field(default_factory=CallLog)
    requests: Counter[str] = field(default_factory=Counter)
    """Answers of the REST API by `operation status`; `cut` for a status when the connection was cut."""

    def __post_init__(self) -> None:
        self.opt_outs = OptOuts(self.services)

    def forget(self) -> None:
        """All but the account, its numbers, services, papers and registrations, what is for sale, and the limits."""
        self.log.clear()
        self.faults.clear()
        self.services.forget()
        self.opt_outs.clear()
        self.queues.clear()
        self.alerts.clear()
        self.hooks.clear()
        self.journal.clear()
        self.calls.clear()
        self.requests.clear()
