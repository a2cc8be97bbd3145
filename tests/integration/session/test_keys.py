"""The keys of the HTTP API, made, listed, revoked and checked over gRPC against PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias

import grpc
import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration

from parley.session.v1 import key_service_pb2, key_service_pb2_grpc
from parley_chassis.errors import error_info
from parley_chassis.grpc_server import grpc_server
from parley_chassis.postgres.engine import engine
from parley_session.adapters.postgres.keys import PostgresKeyStore
from parley_session.servicer.keys import KeyServicer
from tests.contract.session.scripted_agent import DEVELOPMENT
from tests.databases import FreshDatabase
from tests.integration.session.key_service import serving

Key = key_service_pb2.Key
Stub: TypeAlias = "key_service_pb2_grpc.KeyServiceAsyncStub"
TIMEOUT = 10.0
NOBODY = "018f3c1e-0000-7000-8000-00000000000a"


@pytest.fixture
async def keys(database: FreshDatabase) -> AsyncIterator[Stub]:
    async with engine(database.session_url, application="test") as store:
        servicer = KeyServicer(PostgresKeyStore(store))
        async with (
            grpc_server("127.0.0.1:0", DEVELOPMENT, serving(servicer)) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            yield key_service_pb2_grpc.KeyServiceStub(channel)


def wanted(**changes: object) -> key_service_pb2.CreateKeyRequest:
    fields: dict[str, object] = {"name": "shop", "scopes": [Key.SCOPE_SEND, Key.SCOPE_READ], **changes}
    return key_service_pb2.CreateKeyRequest(**fields)  # type: ignore[arg-type]


async def created(keys: Stub, **changes: object) -> key_service_pb2.CreateKeyResponse:
    return await keys.CreateKey(wanted(**changes), timeout=TIMEOUT)


async def checked(keys: Stub, text: str) -> key_service_pb2.CheckKeyResponse:
    return await keys.CheckKey(key_service_pb2.CheckKeyRequest(text=text), timeout=TIMEOUT)


async def revoked(keys: Stub, key_id: str) -> key_service_pb2.Key:
    return (await keys.RevokeKey(key_service_pb2.RevokeKeyRequest(key_id=key_id), timeout=TIMEOUT)).key


async def assert_not_found(keys: Stub, text: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await checked(keys, text)
    info = error_info(caught.value)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert info is not None
    assert info.reason == "KEY_NOT_FOUND"
    assert text not in (caught.value.details() or "") or not text


async def test_a_key_opens_what_it_was_made_for(keys: Stub) -> None:
    made = await created(keys, agents=["shop", "bank", "shop"], scopes=[Key.SCOPE_READ, Key.SCOPE_READ])
    found = await checked(keys, made.text)
    assert (found.key_id, list(found.agents), list(found.scopes)) == (
        made.key.key_id,
        ["shop", "bank"],
        [Key.SCOPE_READ],
    )


async def test_a_key_without_agents_is_for_all_of_them(keys: Stub) -> None:
    found = await checked(keys, (await created(keys)).text)
    assert (list(found.agents), list(found.scopes)) == ([], [Key.SCOPE_SEND, Key.SCOPE_READ])


async def test_a_secret_is_stored_nowhere(keys: Stub, database: FreshDatabase) -> None:
    made = await created(keys)
    secret = made.text.split("_", 2)[2]
    async with await psycopg.AsyncConnection.connect(database.session_url) as connection:
        cursor = await connection.execute("SELECT keys::text, digest FROM session.keys")
        [(row, digest)] = await cursor.fetchall()
    assert secret not in row
    assert secret.encode().hex() not in row
    assert len(digest) == 32


async def test_two_keys_are_two(keys: Stub) -> None:
    one, other = await created(keys), await created(keys)
    mixed = one.text[:40] + other.text[40:]
    assert one.text[40:] != other.text[40:]
    await assert_not_found(keys, mixed)


@pytest.mark.parametrize("text", ["", "parley", "parley_" + "0" * 32 + "_" + "x" * 43, "x" * 10_000])
async def test_what_is_no_key_opens_nothing(keys: Stub, text: str) -> None:
    await assert_not_found(keys, text)


async def test_a_revoked_key_opens_nothing(keys: Stub) -> None:
    made, other = await created(keys), await created(keys)
    first = await revoked(keys, made.key.key_id)
    assert first.revoke_time.seconds >= first.create_time.seconds > 0
    await assert_not_found(keys, made.text)
    assert (await checked(keys, other.text)).key_id == other.key.key_id
    assert await revoked(keys, made.key.key_id) == first


async def test_an_expired_key_opens_nothing(keys: Stub, database: FreshDatabase) -> None:
    made = await created(keys, lifetime=Duration(seconds=3600))
    assert made.key.expire_time.ToNanoseconds() - made.key.create_time.ToNanoseconds() == 3600 * 10**9
    assert (await checked(keys, made.text)).key_id == made.key.key_id
    async with await psycopg.AsyncConnection.connect(database.session_url) as connection:
        await connection.execute("UPDATE session.keys SET expire_time = clock_timestamp()")
    await assert_not_found(keys, made.text)


async def test_keys_are_listed_oldest_first_page_by_page_and_without_secrets(keys: Stub) -> None:
    made = [(await created(keys, name=f"key {number}")).key for number in range(5)]
    await revoked(keys, made[1].key_id)
    names: list[str] = []
    token = ""
    while True:
        request = key_service_pb2.ListKeysRequest(page_size=2, page_token=token)
        page = await keys.ListKeys(request, timeout=TIMEOUT)
        names += [key.name for key in page.keys]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"key {number}" for number in range(5)]
    [first, second] = (await keys.ListKeys(key_service_pb2.ListKeysRequest(page_size=2), timeout=TIMEOUT)).keys
    assert first == made[0]
    assert second.HasField("revoke_time")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"agents": ["Shop"]}, "agents"),
        ({"agents": [""]}, "agents"),
        ({"agents": [f"a{number}" for number in range(101)]}, "agents"),
        ({"scopes": []}, "scopes"),
        ({"scopes": [Key.SCOPE_UNSPECIFIED]}, "scopes"),
        ({"scopes": [Key.SCOPE_SEND, 9]}, "scopes"),
        ({"lifetime": Duration()}, "lifetime"),
        ({"lifetime": Duration(seconds=-1)}, "lifetime"),
        ({"lifetime": Duration(seconds=3660 * 86_400 + 1)}, "lifetime"),
        ({"lifetime": Duration(seconds=2**62)}, "lifetime"),
    ],
)
async def test_a_bad_field_is_named(keys: Stub, changes: dict[str, object], field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await created(keys, **changes)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (caught.value.details() or "").startswith(f"{field}: ")


async def test_only_a_key_that_is_there_can_be_revoked(keys: Stub) -> None:
    for key_id, code in ((NOBODY, grpc.StatusCode.NOT_FOUND), ("no", grpc.StatusCode.INVALID_ARGUMENT)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await revoked(keys, key_id)
        assert caught.value.code() is code
