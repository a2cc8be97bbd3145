"""The gRPC face of the keys of the HTTP API: makes them, lists them, revokes them, and says what one may do.

A secret passes through here once, when its key is made; what a caller presents is compared and forgotten.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from parley.session.v1 import key_service_pb2, key_service_pb2_grpc
from parley_chassis.errors import InvalidArgument, NotFound
from parley_session import requests
from parley_session.domain.keys import digest_of, presented_key, text_of
from parley_session.key_ports import KeyRecord, KeyStore, Permissions, Scope

Context = grpc.aio.ServicerContext[Any, Any]

SECRET_BYTES = 32
MAX_NAME, MAX_AGENTS = 100, 100
MIN_LIFETIME, MAX_LIFETIME = timedelta(seconds=1), timedelta(days=3660)


class KeyNotFound(NotFound):
    reason = "KEY_NOT_FOUND"

    def __init__(self, problem: str) -> None:
        super().__init__(problem, field="key_id")


class KeyServicer(key_service_pb2_grpc.KeyServiceServicer):
    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    async def CreateKey(  # noqa: N802
        self, request: key_service_pb2.CreateKeyRequest, context: Context
    ) -> key_service_pb2.CreateKeyResponse:
        name, permissions, lifetime = _name_of(request), _permissions_of(request), _lifetime_of(request)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        created = await self._keys.create_key(name, digest_of(secret), permissions, lifetime)
        return key_service_pb2.CreateKeyResponse(key=_message(created), text=text_of(created.key_id, secret))

    async def ListKeys(  # noqa: N802
        self, request: key_service_pb2.ListKeysRequest, context: Context
    ) -> key_service_pb2.ListKeysResponse:
        size = requests.page_size(request.page_size)
        after = requests.uuid_of("page_token", request.page_token) if request.page_token else ""
        found = await self._keys.list_keys(size + 1, after)
        return key_service_pb2.ListKeysResponse(
            keys=[_message(record) for record in found[:size]],
            next_page_token=found[size - 1].key_id if len(found) > size else "",
        )

    async def RevokeKey(  # noqa: N802
        self, request: key_service_pb2.RevokeKeyRequest, context: Context
    ) -> key_service_pb2.RevokeKeyResponse:
        revoked = await self._keys.revoke_key(requests.uuid_of("key_id", request.key_id))
        if revoked is None:
            raise KeyNotFound("no key has this key_id")
        return key_service_pb2.RevokeKeyResponse(key=_message(revoked))

    async def CheckKey(  # noqa: N802
        self, request: key_service_pb2.CheckKeyRequest, context: Context
    ) -> key_service_pb2.CheckKeyResponse:
        presented = presented_key(request.text)
        live = await self._keys.find_live_key(presented.key_id) if presented else None
        if presented is None or live is None or not presented.has(live.digest):
            raise KeyNotFound("the key is unknown, revoked or expired")
        return key_service_pb2.CheckKeyResponse(
            key_id=presented.key_id, agents=live.permissions.agents, scopes=_scopes(live.permissions)
        )


def _name_of(request: key_service_pb2.CreateKeyRequest) -> str:
    name = request.name.strip()
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidArgument(f"name: write 1 to {MAX_NAME} printable characters", field="name")
    return name


def _permissions_of(request: key_service_pb2.CreateKeyRequest) -> Permissions:
    agents = tuple(dict.fromkeys(request.agents))
    if len(agents) > MAX_AGENTS or not all(requests.AGENT_NAME.fullmatch(agent) for agent in agents):
        problem = f"agents: write at most {MAX_AGENTS} names of agents: lower-case letters, digits, - and _"
        raise InvalidArgument(problem, field="agents")
    scopes = set(request.scopes)
    if not scopes or scopes - set(Scope):
        raise InvalidArgument("scopes: write SCOPE_SEND, SCOPE_READ or both", field="scopes")
    return Permissions(agents, tuple(Scope(scope) for scope in sorted(scopes)))


def _lifetime_of(request: key_service_pb2.CreateKeyRequest) -> timedelta | None:
    if not request.HasField("lifetime"):
        return None
    try:
        lifetime = request.lifetime.ToTimedelta()
    except (OverflowError, ValueError):
        lifetime = timedelta(0)
    if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
        raise InvalidArgument(f"lifetime: write 1 second to {MAX_LIFETIME.days} days, or nothing", field="lifetime")
    return lifetime


def _message(record: KeyRecord) -> key_service_pb2.Key:
    return key_service_pb2.Key(
        key_id=record.key_id,
        name=record.name,
        agents=record.permissions.agents,
        scopes=_scopes(record.permissions),
        create_time=_timestamp(record.create_time),
        expire_time=_timestamp(record.expire_time),
        revoke_time=_timestamp(record.revoke_time),
    )


def _scopes(permissions: Permissions) -> list[key_service_pb2.Key.Scope.ValueType]:
    return [key_service_pb2.Key.Scope.ValueType(scope) for scope in permissions.scopes]


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
