"""The engine for the statements that people wait for: a database that is away has the name that the pool gives it."""

import psycopg
import pytest
from sqlalchemy import exc, text

from parley_chassis.postgres.embedded import EmbeddedPostgres
from parley_chassis.postgres.engine import engine
from parley_chassis.postgres.pool import DatabaseUnavailable


async def test_a_server_that_nobody_reaches_is_unavailable() -> None:
    async with engine("postgresql://nobody@127.0.0.1:1/none", application="trial") as reached:
        with pytest.raises(DatabaseUnavailable):
            async with reached.connect():
                raise AssertionError("nobody is there")


async def test_a_connection_that_breaks_is_unavailability_and_the_next_statement_gets_another(
    postgres: EmbeddedPostgres,
) -> None:
    async with engine(postgres.url(), application="trial") as reached:
        with pytest.raises(DatabaseUnavailable):
            async with reached.connect() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        async with reached.connect() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_fault_of_the_statements_keeps_its_name_and_tells_no_value(postgres: EmbeddedPostgres) -> None:
    async with engine(postgres.url(), application="trial") as reached, reached.connect() as connection:
        with pytest.raises(exc.DBAPIError) as caught:
            await connection.execute(text("SELECT CAST(:value AS int)"), {"value": "a secret"})
    assert isinstance(caught.value.orig, psycopg.errors.InvalidTextRepresentation)
    assert "a secret" not in str(caught.value)
