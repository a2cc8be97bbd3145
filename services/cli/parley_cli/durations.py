"""Durations as people write them at a terminal: 90s, 10m, 24h, 30d, 4w."""

from __future__ import annotations

import re
from datetime import timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration_of(text: str) -> timedelta:
    """Raises typer.BadParameter."""
    found = re.fullmatch("([0-9]{1,5})([smhdw])", text, re.ASCII)
    if not found:
        raise typer.BadParameter("write a number and its unit: 90s, 10m, 24h, 30d, 4w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
