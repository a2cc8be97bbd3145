"""Makes ids: UUIDs of version 7, so that rows that are written together lie together in their index."""

from __future__ import annotations

import secrets
import time


def new_id() -> str:
    random = secrets.randbits(74)
    value = (_stamp() << 80) | (0x7 << 76) | ((random >> 62) << 64) | (0b10 << 62) | (random & ((1 << 62) - 1))
    return _text(value)


def id_before(age: float) -> str:
    """Greater than the ids that were made more than `age` seconds ago, and no greater than the others."""
    return _text((_stamp() - int(age * 1000)) << 80)


def _stamp() -> int:
    return time.time_ns() // 1_000_000


def _text(value: int) -> str:
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
