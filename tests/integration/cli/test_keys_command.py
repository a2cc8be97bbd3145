"""`parley keys`: makes, lists and revokes keys, as a person at a terminal sees it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from parley_chassis.grpc_server import grpc_server
from parley_chassis.postgres.engine import engine
from parley_cli.commands import keys
from parley_cli.stack.session_api import ApiError
from parley_cli.stack.stack_file import StackAddresses, announce
from parley_session.adapters.postgres.keys import PostgresKeyStore
from parley_session.domain.keys import presented_key
from parley_session.servicer.keys import KeyServicer
from tests.contract.session.scripted_agent import DEVELOPMENT
from tests.databases import FreshDatabase
from tests.integration.session.key_service import serving

Run = Callable[..., Awaitable[tuple[str, str]]]


@pytest.fixture
async def run(
    database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Run]:
    """Runs a command against a session service; returns what it wrote to standard output and to standard error."""
    monkeypatch.setenv("PARLEY_STACK_FILE", str(tmp_path / "stack.json"))
    names = [field.name for field in dataclasses.fields(StackAddresses)]

    async def running(command: Any, **arguments: Any) -> tuple[str, str]:
        # The command itself, without the loop that it brings for a terminal.
        await command.__wrapped__(**arguments)
        written = capsys.readouterr()
        return written.out, written.err

    async with engine(database.session_url, application="test") as store:
        servicer = KeyServicer(PostgresKeyStore(store))
        async with grpc_server("127.0.0.1:0", DEVELOPMENT, serving(servicer)) as address:
            announce(StackAddresses(**{**dict.fromkeys(names, "x"), "session": address}))
            yield running


async def test_a_key_is_made_shown_once_listed_and_revoked(run: Run) -> None:
    out, err = await run(keys.create, name="shop till", agent=["shop"], scope=[keys.Scope.send], expires="90d")
    made = presented_key(out.strip())
    assert made is not None
    assert made.key_id in err
    out, _ = await run(keys.list_keys)
    assert re.search(rf"{made.key_id} +shop till +shop +send +live +\S+ \S+ +20\d\d-", out)
    assert "parley_" not in out
    out, _ = await run(keys.revoke, key_id=made.key_id)
    assert out == f"{made.key_id} (shop till) is revoked\n"
    out, _ = await run(keys.list_keys)
    assert re.search(rf"{made.key_id} .* revoked ", out)


async def test_without_more_words_a_key_is_for_everything_and_for_ever(run: Run) -> None:
    await run(keys.create, name="all")
    out, _ = await run(keys.list_keys)
    assert re.search(r" all +all +send, read +live +\S+ \S+ +never", out)


@pytest.mark.parametrize("expires", ["0d", "99999d"])
async def test_a_lifetime_that_no_key_can_have_is_refused_in_a_sentence(run: Run, expires: str) -> None:
    with pytest.raises(ApiError, match="lifetime: write 1 second to 3660 days"):
        await run(keys.create, name="x", expires=expires)


def test_a_bad_lifetime_is_told_before_anything_is_asked() -> None:
    done = CliRunner().invoke(keys.keys_app(), ["create", "x", "--expires", "soon"])
    assert done.exit_code == 2
    assert "write a number and its unit" in done.output


def test_a_scope_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(keys.keys_app(), ["create", "x", "--scope", "admin"])
    assert done.exit_code == 2
