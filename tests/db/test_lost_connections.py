"""A connection that is cut is a refusal, never a bug, and the next transaction gets another one."""

import time
from collections.abc import AsyncIterator

import pytest

from lex.core import actor
from lex.core.errors import Conflict, Unavailable
from lex.db import session, sql
from lex.db.session import Session, transaction
from tests.support.roles import connect_as


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[str]:
    await session.connect(database_url, pool_size=2)
    yield database_url
    await session.disconnect()


async def test_a_connection_cut_during_a_transaction_is_a_refusal(database: str) -> None:
    async def work() -> None:
        async with transaction(actor.system()) as open_session:
            await _cut(database, open_session)
            await sql.fetch_value(open_session, "SELECT 1")

    with pytest.raises(Unavailable):
        await work()
    await _works()


async def test_a_connection_cut_before_the_commit_is_a_refusal(database: str) -> None:
    async def work() -> None:
        async with transaction(actor.system()) as open_session:
            await _cut(database, open_session)

    with pytest.raises(Unavailable):
        await work()
    await _works()


async def test_a_connection_cut_under_a_refusal_does_not_hide_it(database: str) -> None:
    async def work() -> None:
        async with transaction(actor.system()) as open_session:
            await _cut(database, open_session)
            raise Conflict("No.")

    with pytest.raises(Conflict):
        await work()
    await _works()


async def _cut(database_url: str, of: Session) -> None:
    """End the backend of a transaction, as a restart of the server does."""
    backend = await sql.fetch_value(of, "SELECT pg_backend_pid()")
    with connect_as("lex_worker", database_url) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (backend,))
        while connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchone() is not None:
            time.sleep(0.01)  # noqa: ASYNC251


async def _works() -> None:
    for _ in range(3):
        async with transaction(actor.system()) as open_session:
            assert await sql.fetch_value(open_session, "SELECT 1") == 1
