"""Connections and the transaction, which is the only commit in Lex.

A process opens one `Database`: connections for the transactions of each role (`roles`) and a pool of autocommit
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
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lex.core import clock, codec
from lex.core.actor import Actor
from lex.core.errors import NotFound, Unavailable
from lex.db import roles
from lex.db.lanes import Lanes
from lex.db.pool import Pool
from lex.db.rules import TRANSIENT, refusal_for
from lex.db.wire import Wire

T = TypeVar("T")

#: Raised where what a statement insists on (`sql.insist`) is not met.
Unmet = psycopg.errors.DivisionByZero

_ATTEMPTS = 4  # the first and three retries
_POOL_SECONDS = 5.0
_OTHER_LANES = 3
#: No statement on its own takes longer, and times are told in UTC wherever the server stands; options of the
#: connection, so that nothing sets them in a session.
_OPTIONS = "-c statement_timeout=5s -c TimeZone=UTC"
_ROLES = (roles.APP, roles.STAFF, roles.WORKER)
# Who acts, how long anything may take, and how it is planned. What customers do names its rows by id: a plan for any
# value is right for each, yet left to itself PostgreSQL plans whatever touches a partitioned table anew at each call,
# foreign keys and rules included, which costs several times what running it does.
_SETTINGS: LiteralString = """
SELECT set_config('lex.user_id', %(user_id)s, true), set_config('lex.role', %(role)s, true),
    set_config('lex.request_id', %(request_id)s, true), set_config('lex.ip_address', %(address)s, true),
    set_config('lex.actor_key', %(key)s, true), set_config('lex.acted_by', %(acted_by)s, true),
    set_config('lock_timeout', '3s', true),
    set_config('statement_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '15s', true),
    set_config('plan_cache_mode', %(plans)s, true),
    set_config('synchronous_commit', coalesce(%(commit)s, current_setting('synchronous_commit')), true)"""
_OPENED: LiteralString = (
    _SETTINGS
    + """, set_config('lex.tokens', %(tokens)s::bytea[]::text, true), set_config('lex.carts', carts::text, true),
    set_config('lex.orders', orders::text, true), set_config('lex.owners', owners::text, true)
FROM opened_by(%(tokens)s::bytea[], %(now)s::timestamptz)"""
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
class Session:
    """An open transaction. `driver` is its connection: `lex.db.sql` sends statements on it."""

    driver: Wire


@dataclass(frozen=True, slots=True)
class Database:
    """What one process holds open: connections for each role that transactions run as, and for reads of documents
    `quick`, one lane for what takes no time, and `lanes`. `role` is the one that most of its work runs as."""

    url: str
    transactions: Mapping[str, Pool]
    reads: AsyncConnectionPool[AsyncConnection[Any]]
    quick: Lanes
    lanes: Lanes
    role: str


_open: Database | None = None


async def connect(url: str, *, pool_size: int = 10, public: bool = False) -> Database:
    """Open this process's database; call `disconnect` at the end. `url` is DATABASE_URL, which nothing here logs in at.

    A `public` process answers everybody: it reads as `lex_app`, to whom the rows of people are closed. Any other is Lex
    itself and reads as `lex_worker`. `pool_size` is for the role most of its work runs as; the others get a few.
    """
    global _open
    own = roles.APP if public else roles.WORKER
    sizes = {role: pool_size if role == own else max(2, pool_size // 4) for role in _ROLES}
    transactions = {role: _pool(role, roles.url_of(role, url), size) for role, size in sizes.items()}
    reads: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        roles.url_of(own, url),
        min_size=1,
        max_size=max(pool_size, _OTHER_LANES + 3),
        timeout=_POOL_SECONDS,
        open=False,
        kwargs={
            "autocommit": True,
            "cursor_factory": CountingCursor,
            "application_name": "lex-reads",
            "options": _options(url),
        },
        reset=_leave,
    )
    await reads.open()
    quick, lanes = Lanes(reads, 1, _count), Lanes(reads, _OTHER_LANES, _count)
    _open = Database(url, transactions, reads, quick, lanes, own)
    return _open


def _options(url: str) -> str:
    return f"{conninfo_to_dict(url).get('options', '')} {_OPTIONS}"


def _pool(role: str, url: str, size: int) -> Pool:
    return Pool(role, url, size, cursor_factory=CountingCursor, application_name="lex", options=_options(url))


def _count() -> None:
    CountingCursor.sent += 1


async def _leave(_: AsyncConnection[Any]) -> None:
    """An autocommit connection carries nothing to reset, and a reset would be a round trip per read."""


async def disconnect() -> None:
    """Close this process's database."""
    global _open
    if _open is not None:
        await _open.reads.close()
        await _open.quick.close()
        await _open.lanes.close()
        for pool in _open.transactions.values():
            await pool.close()
        _open = None


def database() -> Database:
    """The database this process opened."""
    if _open is None:
        raise RuntimeError("the database is not open; call lex.db.session.connect first")
    return _open


def role_of(actor: Actor) -> str:
    """The role of the database that an actor's transactions run as."""
    if actor.is_system or actor.is_vouched_for:
        return roles.WORKER
    return roles.STAFF if actor.is_staff else roles.APP


@asynccontextmanager
async def transaction(actor: Actor, *, is_light: bool = False) -> AsyncIterator[Session]:
    """One transaction as `actor`: commits at the end of the block, rolls back when it raises.

    With `is_light` nobody waits for the disk: if the machine loses its power within half a second, it never happened.

    Raises the refusal a violated constraint stands for (`db/rules.py`), `Unavailable` when the database is gone.
    """
    pool = database().transactions[role_of(actor)]
    try:
        driver = await pool.take()
        try:
            _count()
            _begin(driver, actor, is_light)
            yield Session(driver)
            await driver.commit()
        finally:
            await pool.give(driver)
    except psycopg.Error as error:
        raise (refusal_for(error) or error) from error


def _begin(driver: Wire, actor: Actor, is_light: bool) -> None:
    """BEGIN and what policies and audit read go out with the first statement of the transaction.

    Tokens open something to customers and guests; the other roles see it anyway.
    """
    is_customers = actor.is_vouched_for or role_of(actor) == roles.APP
    settings = {
        "user_id": str(actor.user_id or ""),
        "role": actor.role.value,
        "request_id": actor.request_id,
        "address": actor.address,
        "key": actor.key,
        "acted_by": str(actor.acted_by or ""),
        "plans": "force_generic_plan" if is_customers else "auto",
        "commit": "off" if is_light else None,
    }
    driver.soon("BEGIN", {})
    if _is_opened(actor):
        driver.soon(_OPENED, {**settings, "tokens": list(actor.tokens), "now": clock.now()})
    else:
        driver.soon(_SETTINGS, settings)


def _is_opened(actor: Actor) -> bool:
    return bool(actor.tokens) and role_of(actor) == roles.APP


async def transact(actor: Actor, work: Callable[[Session], Awaitable[T]], *, is_light: bool = False) -> T:
    """Run `work` in one transaction; deadlocks, serialisation failures and lock timeouts are retried three times, and
    so is what insists on something that went while it waited, unless `work` takes `Unmet` for something else.

    What tokens open is found out at the beginning: what is not found by them then is looked for once more, for an order
    that was adopted in that moment has another owner.
    """
    looked_again = False
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with transaction(actor, is_light=is_light) as session:
                return await work(session)
        except NotFound:
            if looked_again or attempt == _ATTEMPTS or not _is_opened(actor):
                raise
            looked_again = True
        except Unmet:
            if attempt == _ATTEMPTS:
                raise
        except Unavailable as refusal:
            if attempt == _ATTEMPTS or getattr(refusal.__cause__, "sqlstate", None) not in TRANSIENT:
                raise
        await asyncio.sleep(random.uniform(0.01, 0.05) * attempt)
    raise AssertionError("unreachable")


@asynccontextmanager
async def alone() -> AsyncIterator[Session]:
    """A connection for one statement that is a transaction of its own: no settings, committed with its answer.

    Raises as `transaction` does.
    """
    opened = database()
    pool = opened.transactions[opened.role]
    try:
        driver = await pool.take()
        try:
            yield Session(driver)
        finally:
            await pool.give(driver)
    except psycopg.Error as error:
        raise (refusal_for(error) or error) from error


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncConnection[Any]]:
    """An autocommit connection for what no policy guards: public reads, and the upkeep of the queue.

    No settings, no transaction. Raises `Unavailable`.
    """
    try:
        async with database().reads.connection() as connection:
            yield connection
    except PoolTimeout as error:
        raise Unavailable("The database does not answer; try again in a moment.", code="overloaded") from error
    except psycopg.Error as error:
        raise (refusal_for(error) or error) from error
