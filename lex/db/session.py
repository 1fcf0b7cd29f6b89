"""Connections and the transaction, which is the only commit in Lex.

A process opens one `Database`: an engine for the transactions of each role (`roles`) and a pool of autocommit
connections for public reads (`documents`). `transaction(actor)` logs in as the actor's role and tells PostgreSQL who
acts, for this transaction only: a session-level SET would leak one customer's rows to the next behind a pooler.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import exc
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from lex.core import clock, codec
from lex.core.actor import Actor
from lex.core.errors import Unavailable
from lex.db import roles
from lex.db.living import Living
from lex.db.rules import TRANSIENT, refusal_for

Session = AsyncSession
T = TypeVar("T")

_ATTEMPTS = 4  # the first and three retries
_POOL_SECONDS = 5.0
_ROLES = (roles.APP, roles.STAFF, roles.WORKER)
# What the policies and the audit read. One statement, the first of every transaction; all of it ends with it.
_BEGIN: LiteralString = """
SELECT set_config('lex.user_id', %(user_id)s, true), set_config('lex.role', %(role)s, true),
       set_config('lex.request_id', %(request_id)s, true), set_config('lex.actor_key', %(actor_key)s, true),
       set_config('lock_timeout', '3s', true), set_config('statement_timeout', '5s', true),
       set_config('idle_in_transaction_session_timeout', '15s', true)"""
_BEGIN_WITH_TOKENS: LiteralString = (
    _BEGIN
    + """,
       set_config('lex.tokens', %(tokens)s::bytea[]::text, true), set_config('lex.carts', carts::text, true),
       set_config('lex.orders', orders::text, true), set_config('lex.owners', owners::text, true)
FROM opened_by(%(tokens)s, %(now)s)"""
)

set_json_dumps(codec.encode)
set_json_loads(codec.decode)


class CountingCursor(AsyncCursor[Any]):
    """Counts what it sends, so that a test can hold a flow to its number of statements."""

    sent = 0

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Send one statement."""
        CountingCursor.sent += 1
        return await super().execute(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Database:
    """What one process holds open: an engine for each role that transactions run as."""

    url: str
    engines: Mapping[str, AsyncEngine]
    reads: AsyncConnectionPool[AsyncConnection[Any]]


_open: Database | None = None


async def connect(url: str, *, pool_size: int = 10, public: bool = False) -> Database:
    """Open this process's database; call `disconnect` at the end. `url` is DATABASE_URL, which nothing here logs in at.

    A `public` process answers everybody: it reads as `lex_app`, to whom the rows of people are closed. Any other is Lex
    itself and reads as `lex_worker`. `pool_size` is for the role most of its work runs as; the others get a few.
    """
    global _open
    own = roles.APP if public else roles.WORKER
    sizes = {role: pool_size if role == own else max(2, pool_size // 4) for role in _ROLES}
    engines = {role: _engine(roles.url_of(role, url), size) for role, size in sizes.items()}
    reads: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        roles.url_of(own, url),
        min_size=1,
        max_size=pool_size,
        timeout=_POOL_SECONDS,
        open=False,
        kwargs={"autocommit": True, "cursor_factory": CountingCursor, "application_name": "lex-reads"},
        reset=_leave,
    )
    await reads.open()
    _open = Database(url, engines, reads)
    return _open


def _engine(url: str, size: int) -> AsyncEngine:
    return create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=size,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=False,
        pool_use_lifo=True,  # the one used last has its statements planned and its memory warm
        connect_args={"cursor_factory": CountingCursor, "application_name": "lex"},
    )


async def _leave(_: AsyncConnection[Any]) -> None:
    """An autocommit connection carries nothing to reset, and a reset would be a round trip per read."""


async def disconnect() -> None:
    """Close this process's database."""
    global _open
    if _open is not None:
        await _open.reads.close()
        for engine in _open.engines.values():
            await engine.dispose()
        _open = None


def database() -> Database:
    """The database this process opened."""
    if _open is None:
        raise RuntimeError("the database is not open; call lex.db.session.connect first")
    return _open


def role_of(actor: Actor) -> str:
    """The role of the database that an actor's transactions run as."""
    if actor.is_system:
        return roles.WORKER
    return roles.STAFF if actor.is_staff else roles.APP


def _settings(actor: Actor) -> tuple[LiteralString, dict[str, Any]]:
    """The statement that tells who acts. Tokens open something to customers and guests; the others see it anyway."""
    told = {
        "user_id": str(actor.user_id) if actor.user_id else "",
        "role": actor.role.value,
        "request_id": actor.request_id,
        "actor_key": actor.key,
    }
    if actor.tokens and role_of(actor) == roles.APP:
        return _BEGIN_WITH_TOKENS, told | {"tokens": list(actor.tokens), "now": clock.now()}
    return _BEGIN, told


@asynccontextmanager
async def transaction(actor: Actor) -> AsyncIterator[Session]:
    """One transaction as `actor`: commits at the end of the block, rolls back when it raises.

    Raises the refusal a violated constraint stands for (`db/rules.py`), `Unavailable` when the database is gone.
    """
    engine = database().engines[role_of(actor)]
    session = AsyncSession(engine, expire_on_commit=False, autoflush=False, sync_session_class=Living)
    try:
        driver = await driver_of(session)
        await driver.execute(*_settings(actor))
        yield session
        await session.commit()
    except exc.DBAPIError as error:
        raise _translated(error.orig, error) from error
    except psycopg.Error as error:
        raise _translated(error, error) from error
    except exc.TimeoutError as error:
        raise Unavailable("Every database connection is in use; try again in a moment.", code="overloaded") from error
    finally:
        await _release(session)


async def _release(session: Session) -> None:
    """Give the connection back. One that is gone cannot be rolled back, must not hide why, and is thrown away."""
    driver = session.info.get("driver")
    try:
        if driver is not None and driver.broken:
            await session.invalidate()
        else:
            await session.close()
    except exc.DBAPIError:
        await session.invalidate()


def _translated(cause: Any, error: Exception) -> Exception:
    if isinstance(cause, psycopg.Error):
        return refusal_for(cause) or error
    return error


async def driver_of(session: Session) -> AsyncConnection[Any]:
    """The psycopg connection of a session's transaction: hot statements and jobs run on it directly."""
    driver = session.info.get("driver")
    if driver is None:
        raw = await (await session.connection()).get_raw_connection()
        driver = session.info["driver"] = raw.driver_connection
    assert isinstance(driver, AsyncConnection)
    return driver


async def transact(actor: Actor, work: Callable[[Session], Awaitable[T]]) -> T:
    """Run `work` in one transaction; deadlocks, serialisation failures and lock timeouts are retried three times."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with transaction(actor) as session:
                return await work(session)
        except Unavailable as refusal:
            cause = refusal.__cause__
            cause = cause.orig if isinstance(cause, exc.DBAPIError) else cause
            if attempt == _ATTEMPTS or getattr(cause, "sqlstate", None) not in TRANSIENT:
                raise
        await asyncio.sleep(random.uniform(0.01, 0.05) * attempt)
    raise AssertionError("unreachable")


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncConnection[Any]]:
    """An autocommit connection for public reads: no settings, no transaction. Raises `Unavailable`."""
    try:
        async with database().reads.connection() as connection:
            yield connection
    except PoolTimeout as error:
        raise Unavailable("The database does not answer; try again in a moment.", code="overloaded") from error
    except psycopg.Error as error:
        raise (refusal_for(error) or error) from error
