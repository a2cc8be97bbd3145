"""One factor for all of the protocol's durations. Their order, on which its safety rests, is kept.

What bounds an answer between two processes (0.6 s for a call, 2 s for a webhook) is no part of it: the machine is not
scaled either.
"""

from __future__ import annotations

from dataclasses import dataclass

SETTINGS = {
    "PARLEY_SESSION_TURN_LEASE": 20.0,
    "PARLEY_SESSION_TURN_TIMEOUT": 45.0,
    "PARLEY_NOTIFIER_LEASE": 60.0,
    "PARLEY_NOTIFIER_MARGIN": 20.0,
    "PARLEY_NOTIFIER_SEND_TIMEOUT": 15.0,
    "PARLEY_NOTIFIER_READ_TIMEOUT": 10.0,
    "PARLEY_NOTIFIER_CONNECT_TIMEOUT": 3.0,
    "PARLEY_NOTIFIER_SETTLE": 120.0,
    "PARLEY_NOTIFIER_LIST_GAP": 30.0,
    "PARLEY_NOTIFIER_LOOK_AFTER": 5.0,
    "PARLEY_NOTIFIER_BACKOFF": 1.0,
    "PARLEY_NOTIFIER_BACKOFF_LIMIT": 30.0,
    "PARLEY_NOTIFIER_PAUSE": 60.0,
    "PARLEY_NOTIFIER_LIST_INTERVAL": 60.0,
}
"""The defaults, in seconds; tests hold them to the services' own."""

CONSTANTS = {
    "parley_notifier.handlers.fetch_missed": {"LEASE": 60.0, "RENEWAL": 15.0},
}
"""Durations of the protocol that no setting reaches, by module."""

DRAIN_ALLOWANCE = 30.0
"""Seconds, not scaled: restarts, and the last repeats of hand-overs."""


@dataclass(frozen=True)
class Scale:
    """Durations divided by `factor`; some may be `changed` besides, by their variables, for a negative control."""

    factor: float = 20.0
    changed: tuple[tuple[str, float], ...] = ()
    allowance: float = DRAIN_ALLOWANCE
    """Of the time to drain, the seconds that are not scaled."""

    def seconds(self, real: float) -> float:
        return real / self.factor

    def environment(self) -> dict[str, str]:
        scaled = {name: self.seconds(real) for name, real in SETTINGS.items()} | dict(self.changed)
        return {name: f"{seconds:.4f}" for name, seconds in scaled.items()}

    @property
    def drain_bound(self) -> float:
        """Seconds from the last fault to the end of everything."""
        names = ("PARLEY_NOTIFIER_LEASE", "PARLEY_NOTIFIER_SETTLE")
        return sum(self.seconds(SETTINGS[name]) for name in names) + self.allowance
