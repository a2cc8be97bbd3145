"""The forms that a run can take: short, as in `make test`; whole; long; and one for each negative control."""

from __future__ import annotations

from dataclasses import replace

from tests.chaos.injector import Habits
from tests.chaos.run import Options
from tests.chaos.scale import Scale
from tests.chaos.schedule import Plan, TwilioFaults, twilio_faults

SHORT_CONVERSATIONS, SHORT_KILLS, SHORT_SECONDS = 110, 11, 26.0
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


def control(name: str, seed: int, factor: float) -> Options:
    """The short form with the guard `name` removed, and more of what it guards against."""
    plan, habits, changed = _HARDER[name]
    return Options(SHORT_CONVERSATIONS, 20.0, seed, plan, Scale(factor, changed), habits, name)


CALM = Plan(kills=2, postgres_stops=0, freezes=0, link_faults=0, skips=False)
NOTIFIERS, SESSIONS = ("notifier", "notifier-2"), ("session", "session-2")
BURSTY = Habits(bursts=0.9, largest_burst=5, stops=0.0, outbound=0.0)
STOPPING = Habits(bursts=0.9, largest_burst=4, stops=1.0, starts=0.0, outbound=0.0, twice=1.0)
QUICK = (
    ("PARLEY_NOTIFIER_LEASE", 1.6),
    ("PARLEY_NOTIFIER_MARGIN", 0.8),
    ("PARLEY_NOTIFIER_SETTLE", 1.6),
    ("PARLEY_NOTIFIER_LIST_GAP", 0.2),
    ("PARLEY_NOTIFIER_LOOK_AFTER", 0.1),
)
"""Safe as well, and short enough for a frozen sender to be given up while it is frozen."""
_THROTTLED: TwilioFaults = (("rate_limit", {"probability": 0.3}),)
_FROZEN = replace(CALM, freezes=8, frozen=NOTIFIERS, freeze=(60.0, 90.0))

_HARDER: dict[str, tuple[Plan, Habits, tuple[tuple[str, float], ...]]] = {
    "dedupe": (replace(CALM, twilio=(("duplicate_inbound", {"probability": 0.5}),)), Habits(), ()),
    "turn-fence": (replace(CALM, freezes=10, frozen=SESSIONS, freeze=(30.0, 60.0)), BURSTY, ()),
    "delivery-fence": (
        replace(
            _FROZEN,
            twilio=(*_THROTTLED, ("slow", {"probability": 0.5, "seconds": 0.4, "accepted": True})),
            slow_links=(("postgresql for notifier", 0.1), ("postgresql for notifier-2", 0.1)),
        ),
        BURSTY,
        QUICK,
    ),
    "lane-order": (replace(CALM, slow_links=(("notifier", 0.3),)), BURSTY, ()),
    "one-in-flight": (replace(CALM, twilio=_THROTTLED), BURSTY, ()),
    "settle": (replace(CALM, twilio=(("slow", {"probability": 0.15, "seconds": 4.0}),)), Habits(), ()),
    "list": (
        replace(
            CALM,
            twilio=(("cut", {"probability": 0.2}), ("lose_callback", {"probability": 0.8})),
        ),
        Habits(),
        (),
    ),
    "deadline-rule": (
        replace(_FROZEN, slow_links=(("postgresql for notifier", 0.15), ("postgresql for notifier-2", 0.15))),
        BURSTY,
        QUICK,
    ),
    "opt-out-in-the-claim": (replace(CALM, twilio=_THROTTLED), STOPPING, ()),
    "cancel-remembered": (
        replace(CALM, twilio=(("cut", {"probability": 0.4, "accepted": False}),)),
        replace(STOPPING, starts=1.0),
        (),
    ),
}
CONTROLS = tuple(_HARDER)
