"""Whether Lex can do its work: one line for each thing it needs. Read by /readyz and `lex doctor`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import redis.asyncio
from psycopg.rows import class_row, scalar_row
from redis.exceptions import RedisError

from lex.core import clock
from lex.core.actor import system
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import reading, transaction
from lex.ops import migrations, partitions, seal_watch

#: A worker that has not been heard of for so long is taken for dead; it reports every ten seconds.
_SILENT_SECONDS = 45
_CHECK_SECONDS = 3.0

_NOTHING = seal_watch.Standing(None, None, None, None)

_REVISION: LiteralString = "SELECT version_num FROM public.alembic_version"
_HEARTBEAT: LiteralString = "SELECT max(last_heartbeat) FROM public.procrastinate_workers"
_JOBS: LiteralString = "SELECT status::text AS status, count(*)::int AS jobs FROM public.procrastinate_jobs GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing Lex needs. `status` is ok, degraded (Lex sells without it) or failing; `detail` one sentence."""

    name: str
    status: str
    detail: str


async def readiness() -> list[Check]:
    """All checks, at the same time; one that hangs is failing after three seconds."""
    checks = {
        "database": (_database, "failing"),
        "migrations": (_migrations, "failing"),
        "partitions": (_partitions, "failing"),
        "redis": (_redis, "degraded"),
        "worker": (_worker, "failing"),
        "sealing": (_sealing, "degraded"),
    }
    return list(await asyncio.gather(*(_checked(name, *check) for name, check in checks.items())))


def overall(checks: list[Check]) -> str:
    """The worst of them."""
    found = {check.status for check in checks}
    return next((status for status in ("failing", "degraded") if status in found), "ok")


async def jobs_by_status() -> dict[str, int]:
    """How many jobs the queue holds, by status."""
    async with reading() as connection, connection.cursor() as cursor:
        await cursor.execute(_JOBS)
        return {str(status): int(count) for status, count in await cursor.fetchall()}


async def _checked(name: str, check: Callable[[], Awaitable[Check]], otherwise: str) -> Check:
    try:
        return await asyncio.wait_for(check(), _CHECK_SECONDS)
    except TimeoutError:
        return Check(name, otherwise, f"No answer within {_CHECK_SECONDS:g} seconds.")
    except Exception as error:  # every way a check can fail is an answer of the check
        return Check(name, otherwise, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


async def _value(statement: LiteralString) -> Any:
    async with reading() as connection, connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(statement)
        return await cursor.fetchone()


async def _database() -> Check:
    version = await _value("SHOW server_version")
    return Check("database", "ok", f"PostgreSQL {version} answers.")


async def _migrations() -> Check:
    wanted = await asyncio.to_thread(migrations.head)
    applied = await _value(_REVISION)
    if applied == wanted:
        return Check("migrations", "ok", f"The newest, {wanted}, is applied.")
    return Check("migrations", "failing", f"At {applied}, this code needs {wanted}; run lex db migrate.")


async def partitions_ahead() -> list[partitions.Status]:
    """How far ahead the partitioned tables reach."""
    async with reading() as connection, connection.cursor(row_factory=class_row(partitions.Status)) as cursor:
        await cursor.execute(partitions.STATUS)
        return await cursor.fetchall()


async def _partitions() -> Check:
    found = await partitions_ahead()
    told = ", ".join(f"{table.table} until {table.until:%Y-%m-%d}" for table in found)
    if len(found) < 2 or any(table.is_short for table in found):
        return Check(
            "partitions",
            "failing",
            f"Fewer than two periods ahead: {told or 'none'}; run lex jobs run ensure_partitions.",
        )
    return Check("partitions", "ok", f"Made ahead: {told}.")


async def sealing() -> seal_watch.Standing:
    """How far the audit is sealed."""
    async with transaction(system()) as session:
        return await sql.fetch_one(session, seal_watch.STANDING, seal_watch.Standing) or _NOTHING


async def _sealing() -> Check:
    is_fine, sentence = seal_watch.told(await sealing(), clock.real_now(), settings().seal_minutes)
    return Check("sealing", "ok" if is_fine else "degraded", sentence)


async def _redis() -> Check:
    address = settings().redis_url
    if not address:
        return Check("redis", "degraded", "No address is set (REDIS_URL); the shop sells without it.")
    client = redis.asyncio.from_url(address, socket_timeout=2, socket_connect_timeout=2)
    try:
        await client.ping()
        info = await client.info("server")
    except (RedisError, OSError):
        return Check("redis", "degraded", "Redis does not answer; the shop sells without it.")
    finally:
        await client.aclose()
    return Check("redis", "ok", f"Redis {info['redis_version']} answers.")


async def _worker() -> Check:
    last: datetime | None = await _value(_HEARTBEAT)
    if last is None:
        return Check("worker", "failing", "No worker has ever reported; jobs and mails wait; lex serve starts one.")
    silent = (clock.real_now() - last).total_seconds()
    if silent > _SILENT_SECONDS:
        return Check("worker", "failing", f"Last heard of {silent:.0f} s ago; jobs and mails wait.")
    return Check("worker", "ok", f"Heard of {max(silent, 0):.0f} s ago.")
