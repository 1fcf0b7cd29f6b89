"""What commands run in: settings with the addresses of a database and a Redis that are there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TypeVar

from lex.cli.exported import exported
from lex.core.actor import Actor, system
from lex.core.errors import Conflict
from lex.core.settings import Settings, settings
from lex.db import session
from lex.embedded import servers
from lex.ops import migrations
from lex.ops.currency import keep_currency

T = TypeVar("T")


@contextmanager
def environment(*, database: bool = True, cache: bool = True, migrate: bool = True) -> Iterator[Settings]:
    """Settings whose `database_url` and `redis_url` are filled; embedded servers are joined, or started for the time.

    The addresses also stand in the process's environment, so that `settings()` and child processes see them. With
    `migrate`, a new embedded database is migrated; a database of the operator's own never is.
    Raises a `Refusal` when the servers cannot run, or the data are in another currency than the settings.
    """
    now = settings()
    needs_database, needs_cache = database and not now.database_url, cache and not now.redis_url
    with ExitStack() as stack:
        if needs_database or needs_cache:
            started = stack.enter_context(servers(now.home_path, database=needs_database, cache=needs_cache))
            now = replace(
                now,
                database_url=now.database_url or started.database_url,
                redis_url=now.redis_url or started.redis_url,
            )
        stack.enter_context(exported({"DATABASE_URL": now.database_url, "REDIS_URL": now.redis_url}))
        if needs_database and migrate and not migrations.is_current(now.database_url):
            _migrate_new(now.database_url)
        if database and migrate:
            keep_currency(now.database_url, now.currency)
        yield now


def _migrate_new(database_url: str) -> None:
    """A new database is migrated; one that was rolled back or is behind is left to `lex db migrate` and `lex serve`."""
    if any(migration.applied for migration in migrations.status(database_url)):
        raise Conflict("The database has pending migrations; run lex db migrate first.", code="migrations_pending")
    migrations.upgrade(database_url)


def run_connected(work: Callable[[Actor], Awaitable[T]]) -> T:
    """Run a command's work as Lex itself, with the database open."""

    async def connected(url: str) -> T:
        await session.connect(url, pool_size=2)
        try:
            return await work(system())
        finally:
            await session.disconnect()

    with environment(cache=False) as config:
        return asyncio.run(connected(config.database_url))
