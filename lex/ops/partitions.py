"""Partitions of orders (a quarter each) and audit_logs (a month each), made ahead by the daily job.

There is no default partition: a row whose period is missing is refused, so the periods ahead must exist. `status` says
how many do; the readiness check and the job's alert read it. How and why: docs/concepts/partitions.md.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from lex.core import clock, ids
from lex.core.errors import Unavailable
from lex.db.roles import OWNER

_ATTEMPTS = 8
_LOCK = 0x4C4558_50415254  # "LEX PART": one maker at a time

_FROM: LiteralString = """
FROM pg_class parent
JOIN pg_inherits i ON i.inhparent = parent.oid
JOIN pg_class child ON child.oid = i.inhrelid
CROSS JOIN LATERAL (
    SELECT (found[1])::uuid AS lower, (found[2])::uuid AS upper
    FROM regexp_match(pg_get_expr(child.relpartbound, child.oid), $$FROM \\('(.+)'\\) TO \\('(.+)'\\)$$) found
) bound
WHERE parent.oid IN ('public.orders'::regclass, 'public.audit_logs'::regclass)
"""

#: One row a partitioned table: its name and how many partitions begin after now. Cheap enough for a readiness check.
STATUS: LiteralString = f"""
SELECT parent.relname::text AS "table",
       count(*) FILTER (WHERE public.uuid_v7_time(bound.lower) > now())::int AS ahead,
       max(public.uuid_v7_time(bound.upper)) AS until
{_FROM} GROUP BY parent.relname ORDER BY parent.relname
"""

_LIST: LiteralString = f"""
SELECT parent.relname::text AS "table", child.relname::text AS name,
       public.uuid_v7_time(bound.lower) AS start, public.uuid_v7_time(bound.upper) AS "end",
       pg_total_relation_size(child.oid) AS bytes
{_FROM} ORDER BY parent.relname, bound.lower
"""

_STATEMENT_TRIGGERS = """
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgtype & 1 = 0
"""


@dataclass(frozen=True, slots=True)
class Status:
    """How many partitions of `table` begin in the future, and the instant the last one ends."""

    table: str
    ahead: int
    until: datetime

    @property
    def is_short(self) -> bool:
        """Fewer than two periods ahead: the daily job has not been running."""
        return self.ahead < 2


@dataclass(frozen=True, slots=True)
class Partition:
    """One period of one table: ids in [lower, upper) live in `name`."""

    table: str
    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Existing:
    """A partition that is there: rows made from `start` to `end`, and its size with its indexes."""

    table: str
    name: str
    start: datetime
    end: datetime
    bytes: int


def orders_partition(instant: datetime) -> Partition:
    """The quarter an instant falls into, in UTC."""
    quarter = (instant.month + 2) // 3
    start = datetime(instant.year, quarter * 3 - 2, 1, tzinfo=UTC)
    return Partition("orders", f"orders_p{start.year}q{quarter}", start, _months_after(start, 3))


def audit_partition(instant: datetime) -> Partition:
    """The month an instant falls into, in UTC."""
    start = datetime(instant.year, instant.month, 1, tzinfo=UTC)
    return Partition("audit_logs", f"audit_logs_p{start:%Y%m}", start, _months_after(start, 1))


def ensure(database_url: str, quarters: int = 4, months: int = 6) -> list[str]:
    """Make what is missing from the current period to `quarters` and `months` ahead; returns the names made.

    Doing it twice changes nothing. Waits at most two seconds for a lock, so that writers are never held up longer, and
    tries again; raises `Unavailable` when that did not help or the database is gone.
    """
    wanted = _ahead(orders_partition(clock.real_now().astimezone(UTC)), quarters)
    wanted += _ahead(audit_partition(clock.real_now().astimezone(UTC)), months)
    return _ensured(database_url, wanted)


def _ensured(database_url: str, wanted: Sequence[Partition]) -> list[str]:
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            return [partition.name for partition in wanted if _make_patiently(connection, partition)]
    except psycopg.OperationalError as error:
        raise Unavailable(f"The next partitions could not be made: {error}. They are tried again.") from error


def ensure_orders_since(database_url: str, instant: datetime) -> list[str]:
    """Make the missing partitions of orders from the quarter of `instant` to the present one; returns the names made.

    For orders brought in from the past. Raises `Unavailable` as `ensure` does.
    """
    wanted, now = [orders_partition(instant)], clock.real_now()
    while wanted[-1].end <= now:
        wanted.append(orders_partition(wanted[-1].end))
    return _ensured(database_url, wanted)


def status(database_url: str) -> list[Status]:
    """The partitioned tables and how far ahead they reach."""
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        return [Status(*row) for row in connection.execute(STATUS)]


def list_partitions(database_url: str) -> list[Existing]:
    """Every partition, by table and time."""
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        return [Existing(*row) for row in connection.execute(_LIST)]


def _ahead(first: Partition, number: int) -> list[Partition]:
    found = [first]
    for _ in range(number):
        found.append((orders_partition if first.table == "orders" else audit_partition)(found[-1].end))
    return found


def _months_after(start: datetime, months: int) -> datetime:
    month = start.month - 1 + months
    return start.replace(year=start.year + month // 12, month=month % 12 + 1)


def _make_patiently(connection: psycopg.Connection[Any], partition: Partition) -> bool:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _make(connection, partition)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if attempt == _ATTEMPTS:
                raise
            time.sleep(random.uniform(0.1, 0.5) * attempt)
    raise AssertionError("unreachable")


def _make(connection: psycopg.Connection[Any], partition: Partition) -> bool:
    """Build the table beside its parent, then attach it: the parent is read and written meanwhile."""
    parent, name = sql.Identifier("public", partition.table), sql.Identifier("public", partition.name)
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '60s'")
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if connection.execute("SELECT to_regclass(%s)", (f"public.{partition.name}",)).fetchone() != (None,):
            return False
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(name, parent))
        if partition.table == "orders":
            unique = sql.Identifier(f"uq_{partition.name}_order_number")
            connection.execute(sql.SQL("CREATE UNIQUE INDEX {} ON {} (order_number)").format(unique, name))
        else:
            connection.execute(sql.SQL("ALTER TABLE {} SET (toast_tuple_target = 8160)").format(name))
        bounds = ids.id_bounds(partition.start, partition.end)
        connection.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                parent, name, *(sql.Literal(str(bound)) for bound in bounds)
            )
        )
        _copy_statement_triggers(connection, partition)
    return True


def _copy_statement_triggers(connection: psycopg.Connection[Any], partition: Partition) -> None:
    """Row triggers come with ATTACH; those of a statement, such as the refusal of TRUNCATE, do not."""
    table = sql.Identifier("public", partition.name)
    for name, definition in connection.execute(_STATEMENT_TRIGGERS, (f"public.{partition.table}",)).fetchall():
        there = definition.replace(f" ON public.{partition.table} ", f" ON public.{partition.name} ", 1)
        connection.execute(there.encode())
        connection.execute(sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(table, sql.Identifier(name)))
