"""The forms that a run can take: short, as in `make test`; whole; long; and one for each negative control."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.chaos.injector import Habits
from tests.chaos.run import Options
from tests.chaos.scale import Scale
from tests.chaos.schedule import Plan, TwilioFaults, twilio_faults

SHORT_CONVERSATIONS, SHORT_KILLS, SHORT_SECONDS = 104, 10, 18.0
LONG_CONVERSATIONS, LONG_KILLS = 10_000, 500
CONVERSATIONS_PER_SECOND = 6.0
SECONDS_PER_KILL = 3.0


def whole(conversations: int, kills: int, seed: int, scale: Scale, seconds: float = 0.0) -> Options:
    """As many faults of each kind as go with so many kills."""
    plan = Plan(
        kills=kills,
        postgres_stops=max(1, kills // 12),
        freezes=kills // 3,
        link_faults=kills // 2,
        twilio=twilio_faults(scale),
    )
    lasts = seconds or max(conversations / CONVERSATIONS_PER_SECOND, kills * SECONDS_PER_KILL)
    return Options(conversations, lasts, seed, plan, scale)


def short(seed: int, factor: float) -> Options:
    return whole(SHORT_CONVERSATIONS, SHORT_KILLS, seed, Scale(factor), SHORT_SECONDS)


@dataclass(frozen=True)
class Harder:
    """What a guard is tried with: little else goes wrong, so that what fails without it is its own."""

    seen_by: frozenset[str]
    """Of these invariants one must break."""
    plan: Plan
    habits: Habits = field(default_factory=Habits)
    changed: tuple[tuple[str, float], ...] = ()
    conversations: int = SHORT_CONVERSATIONS


def control(name: str, seed: int, factor: float, *, removed: bool = True) -> Options:
    """The short form with the guard `name` removed, and more of what it guards against.

    With the guard in its place nothing may break: a control says something only then.
    """
    harder = _HARDER[name]
    scale = Scale(factor, harder.changed)
    guard = name if removed else ""
    return Options(harder.conversations, CONTROL_SECONDS, seed, harder.plan, scale, harder.habits, guard)


CONTROL_SECONDS = 20.0
CALM = Plan(kills=2, postgres_stops=0, freezes=0, link_faults=0, skips=False)
SESSIONS = ("session", "session-2")
BURSTY = Habits(bursts=0.9, largest_burst=5, stops=0.0, outbound=0.0)
STEADY = Habits(bursts=0.0, stops=0.0, outbound=0.0)
STOPPING = Habits(bursts=0.9, largest_burst=4, stops=1.0, starts=0.0, outbound=0.0, twice=1.0)
QUICK = (
    ("PARLEY_NOTIFIER_LEASE", 1.6),
    ("PARLEY_NOTIFIER_MARGIN", 0.8),
    ("PARLEY_NOTIFIER_READ_TIMEOUT", 0.7),
    ("PARLEY_NOTIFIER_SETTLE", 1.6),
    ("PARLEY_NOTIFIER_LIST_GAP", 0.2),
    ("PARLEY_NOTIFIER_LOOK_AFTER", 0.1),
)
"""Safe as well, and short enough for a frozen sender to be given up while it is frozen."""
AMBUSHES = replace(CALM, kills=0, ambushes=5, freeze=(76.0, 84.0), send_pause=0.5)
"""Longer than until somebody else has sent the text, and with longer left of the lease than the pause."""
FEW_CONVERSATIONS = 60
"""Few enough for a notifier to be caught with a fresh claim and nothing on the wire."""
REFUSED_FOR_NOW: TwilioFaults = (("rate_limit", {"probability": 1.0}),)
THROTTLED: TwilioFaults = (("rate_limit", {"probability": 0.3}),)
SLOW_ANSWERS: TwilioFaults = (("slow", {"probability": 1.0, "seconds": 0.45, "accepted": True}),)
LATE: TwilioFaults = (("slow", {"probability": 0.15, "seconds": 4.0}),)
UNHEARD: TwilioFaults = (("cut", {"probability": 0.2}), ("lose_callback", {"probability": 0.8}))
UNREACHED: TwilioFaults = (("cut", {"probability": 0.4, "accepted": False}),)
TWICE: TwilioFaults = (("duplicate_inbound", {"probability": 0.5}),)

_HARDER: dict[str, Harder] = {
    "dedupe": Harder(frozenset({"I1", "I1b"}), replace(CALM, twilio=TWICE)),
    "turn-fence": Harder(
        frozenset({"I1b", "I6"}), replace(CALM, freezes=10, frozen=SESSIONS, freeze=(30.0, 60.0)), BURSTY
    ),
    "delivery-fence": Harder(
        frozenset({"I3"}),
        replace(AMBUSHES, until_next_claim=True, twilio=SLOW_ANSWERS),
        STEADY,
        QUICK,
        FEW_CONVERSATIONS,
    ),
    "lane-order": Harder(frozenset({"I4"}), replace(CALM, slow_links=(("notifier", 0.45),)), BURSTY),
    "one-in-flight": Harder(frozenset({"I4", "I10", "I11"}), replace(CALM, twilio=THROTTLED), BURSTY),
    "settle": Harder(frozenset({"I3"}), replace(CALM, twilio=LATE)),
    "list": Harder(frozenset({"I3"}), replace(CALM, twilio=UNHEARD)),
    "deadline-rule": Harder(frozenset({"I3"}), AMBUSHES, STEADY, QUICK, FEW_CONVERSATIONS),
    "gate": Harder(
        frozenset({"I3"}),
        replace(CALM, kills=0, restores=True, twilio=REFUSED_FOR_NOW),
        STEADY,
        conversations=FEW_CONVERSATIONS,
    ),
    "opt-out-in-the-claim": Harder(frozenset({"I7"}), replace(CALM, twilio=THROTTLED), STOPPING),
    "cancel-remembered": Harder(frozenset({"I7b"}), replace(CALM, twilio=UNREACHED), replace(STOPPING, starts=1.0)),
}
CONTROLS = tuple(_HARDER)


def seen_by(control: str) -> frozenset[str]:
    """The invariants that tell of this guard's absence."""
    return _HARDER[control].seen_by
