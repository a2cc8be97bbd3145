"""SQLAlchemy's engine, for the statements that people wait for; those that run for every text go through pool.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from parley_chassis.postgres.failures import is_transient, silence
from parley_chassis.postgres.pool import DatabaseUnavailable

POOL_TIMEOUT = 2.0
OPTIONS = "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=3000"


@asynccontextmanager
async def engine(url: str, *, application: str, size: int = 4) -> AsyncIterator[AsyncEngine]:
    """An engine of up to `size` connections to `url` (postgresql://...), opened when they are needed.

    Its connections raise DatabaseUnavailable for whatever is no fault of the statement's.
    """
    created = create_async_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"application_name": application, "options": OPTIONS},
    )
    event.listen(created.sync_engine, "handle_error", _name_error, retval=True)
    try:
        yield created
    finally:
        await created.dispose()


def _name_error(context: ExceptionContext) -> BaseException | None:
    error = context.original_exception
    if not isinstance(error, Exception):
        return None
    if is_transient(error):
        return DatabaseUnavailable(f"the database is unavailable ({type(error).__name__})")
    silence(error)
    if context.sqlalchemy_exception:
        context.sqlalchemy_exception.args = error.args
    return None
