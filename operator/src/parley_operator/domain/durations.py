"""Durations as the CRD writes them, like 1h30m, and times as Kubernetes writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PART = re.compile(r"(\d+)(ms|[hms])")


def seconds(text: str) -> float:
    return sum(int(amount) * UNITS[unit] for amount, unit in PART.findall(text))


def timestamp(at: float) -> str:
    """RFC 3339, of whole seconds; empty for 0."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""


def time_of(text: str) -> float:
    """Seconds since 1970; 0 for an empty text."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0
