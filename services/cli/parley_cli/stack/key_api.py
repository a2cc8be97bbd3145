"""The key service's API for the commands: one call a function, errors as sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from parley.session.v1 import key_service_pb2, key_service_pb2_grpc
from parley_cli.stack.channels import channel_to
from parley_cli.stack.session_api import TIMEOUT, sentences

SCOPES = {"send": key_service_pb2.Key.SCOPE_SEND, "read": key_service_pb2.Key.SCOPE_READ}


class Key(NamedTuple):
    """What a person wants to know of a key. `agents` empty: all agents."""

    key_id: str
    name: str
    agents: tuple[str, ...]
    scopes: tuple[str, ...]
    create_time: datetime
    expire_time: datetime | None
    revoke_time: datetime | None

    def state(self, now: datetime) -> str:
        if self.revoke_time:
            return "revoked"
        return "expired" if self.expire_time and self.expire_time <= now else "live"


@asynccontextmanager
async def key_api(address: str, api_key: str) -> AsyncIterator[KeyApi]:
    async with channel_to(address) as channel:
        yield KeyApi(channel, api_key)


class KeyApi:
    """Calls one session service. Raises ApiError."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self._keys = key_service_pb2_grpc.KeyServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    async def create(
        self, name: str, agents: Sequence[str], scopes: Sequence[str], lifetime: timedelta | None
    ) -> tuple[Key, str]:
        """The key, and the text that is shown once."""
        request = key_service_pb2.CreateKeyRequest(name=name, agents=agents, scopes=[SCOPES[scope] for scope in scopes])
        if lifetime is not None:
            duration = Duration()
            duration.FromTimedelta(lifetime)
            request.lifetime.CopyFrom(duration)
        with sentences():
            response = await self._keys.CreateKey(request, timeout=TIMEOUT, metadata=self._metadata)
        return _key(response.key), response.text

    async def list(self) -> list[Key]:
        found: list[Key] = []
        token = ""
        while True:
            request = key_service_pb2.ListKeysRequest(page_size=500, page_token=token)
            with sentences():
                response = await self._keys.ListKeys(request, timeout=TIMEOUT, metadata=self._metadata)
            found += map(_key, response.keys)
            token = response.next_page_token
            if not token:
                return found

    async def revoke(self, key_id: str) -> Key:
        request = key_service_pb2.RevokeKeyRequest(key_id=key_id)
        with sentences():
            response = await self._keys.RevokeKey(request, timeout=TIMEOUT, metadata=self._metadata)
        return _key(response.key)


def _key(key: key_service_pb2.Key) -> Key:
    words = {scope: word for word, scope in SCOPES.items()}
    return Key(
        key.key_id,
        key.name,
        tuple(key.agents),
        tuple(words.get(scope, "unknown") for scope in key.scopes),
        _moment(key.create_time),
        _moment(key.expire_time) if key.HasField("expire_time") else None,
        _moment(key.revoke_time) if key.HasField("revoke_time") else None,
    )


def _moment(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
