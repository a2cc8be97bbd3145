"""What the key service needs of the world: a place for keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol


class Scope(IntEnum):
    """What a key may do; the numbers are stored."""

    SEND = 1
    READ = 2


@dataclass(frozen=True, slots=True)
class Permissions:
    """`agents` empty: all agents."""

    agents: tuple[str, ...]
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    key_id: str
    name: str
    permissions: Permissions
    create_time: datetime
    expire_time: datetime | None
    revoke_time: datetime | None


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key that is neither revoked nor expired; `digest` is the SHA-256 of its secret."""

    digest: bytes = field(repr=False)
    permissions: Permissions


class KeyStore(Protocol):
    async def create_key(
        self, name: str, digest: bytes, permissions: Permissions, lifetime: timedelta | None
    ) -> KeyRecord: ...

    async def list_keys(self, limit: int, after: str) -> list[KeyRecord]:
        """Oldest first, behind the key with the id `after`."""
        ...

    async def revoke_key(self, key_id: str) -> KeyRecord | None:
        """The key as it is now, or None where there is no such key."""
        ...

    async def find_live_key(self, key_id: str) -> LiveKey | None: ...
