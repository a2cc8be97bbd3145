"""The request_id under which the session service knows a call again."""

from __future__ import annotations

import hashlib


def request_id_of(key_id: str, idempotency_key: str) -> str:
    """The same for the same two, of one length, and another for every other two: keys do not meet."""
    return hashlib.sha256(f"{key_id} {idempotency_key}".encode()).hexdigest()
