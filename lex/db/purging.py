"""Remove soft-deleted rows for good, batch by batch, unless a foreign key of somebody else still points at them.

The live catalogue says what points at a table, so a new reference keeps its rows without a word here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import sql
from psycopg.rows import class_row, scalar_row

from lex.db.session import Session

_REFERENCES: LiteralString = """
SELECT r.relname::text AS "table", a.attname::text AS "column" FROM pg_constraint f
JOIN pg_class r ON r.oid = f.conrelid
JOIN LATERAL unnest(f.conkey, f.confkey) AS k (own, theirs) ON true
JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.own
JOIN pg_attribute t ON t.attrelid = f.confrelid AND t.attnum = k.theirs AND t.attname = 'id'
WHERE f.contype = 'f' AND f.confdeltype <> 'c' AND f.conparentid = 0 AND NOT r.relispartition
  AND f.confrelid = %(table)s::text::regclass
ORDER BY 1, 2
"""

_DELETE = sql.SQL(
    "{} AS (DELETE FROM {} r USING due WHERE r.{} = due.id RETURNING to_jsonb(r) ->> 'storage_key' AS key)"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that points at the ids of a table."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Gone:
    """One batch: how many rows went, and the keys of stored files among them."""

    rows: int
    storage_keys: list[str]


async def references(session: Session, table: str) -> list[Reference]:
    """Everything that points at a table's ids."""
    async with session.driver.cursor(row_factory=class_row(Reference)) as cursor:
        await cursor.execute(_REFERENCES, {"table": f"public.{table}"})
        return await cursor.fetchall()


async def delete_batch(session: Session, table: str, parts: Sequence[str], before: datetime, most: int) -> Gone:
    """Delete up to `most` rows soft-deleted before an instant, with their rows in the tables `parts`."""
    pointing = await references(session, table)
    goes = [Reference(table, "id"), *(one for one in pointing if one.table in parts)]  # gone_0 are the rows themselves
    statement = sql.SQL(
        "WITH due AS (SELECT t.id FROM {table} t WHERE {due} ORDER BY t.id LIMIT %(most)s FOR UPDATE SKIP LOCKED),"
        " {deletes} SELECT (SELECT count(*)::int FROM gone_0) AS rows,"
        " coalesce(array_agg(key) FILTER (WHERE key IS NOT NULL), '{{}}') AS storage_keys FROM ({keys}) went"
    ).format(
        table=sql.Identifier(table),
        due=_due(table, pointing, parts, sql.SQL("true")),
        deletes=sql.SQL(", ").join(
            _DELETE.format(sql.Identifier(f"gone_{number}"), sql.Identifier(one.table), sql.Identifier(one.column))
            for number, one in enumerate(goes)
        ),
        keys=sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT key FROM {}").format(sql.Identifier(f"gone_{number}")) for number in range(len(goes))
        ),
    )
    async with session.driver.cursor(row_factory=class_row(Gone)) as cursor:
        await cursor.execute(statement, {"before": before, "most": most}, prepare=False)
        gone = await cursor.fetchone()
    assert gone is not None
    return gone


async def count_due(session: Session, table: str, parts: Sequence[str], before: datetime) -> int:
    """How many rows would go. One that only rows below it keep, which go too, counts as going."""
    pointing = await references(session, table)
    stays = sql.SQL("(c.deleted_at IS NULL OR c.deleted_at >= %(before)s)")
    return await _count(session, table, _due(table, pointing, parts, stays), before)


async def count_deleted(session: Session, table: str, before: datetime) -> int:
    """How many rows are soft-deleted since before an instant, whatever points at them."""
    return await _count(session, table, sql.SQL("t.deleted_at < %(before)s"), before)


async def _count(session: Session, table: str, condition: sql.Composable, before: datetime) -> int:
    statement = sql.SQL("SELECT count(*)::int FROM {} t WHERE {}").format(sql.Identifier(table), condition)
    async with session.driver.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(statement, {"before": before}, prepare=False)
        return int(await cursor.fetchone() or 0)


def _due(table: str, pointing: Sequence[Reference], parts: Sequence[str], own_kind: sql.Composable) -> sql.Composable:
    """What lets a row go. `own_kind` says which rows of the same table keep one they point at."""
    free = [
        sql.SQL("NOT EXISTS (SELECT FROM {} c WHERE c.{} = t.id AND {})").format(
            sql.Identifier(one.table),
            sql.Identifier(one.column),
            own_kind if one.table == table else sql.SQL("true"),
        )
        for one in pointing
        if one.table not in parts
    ]
    return sql.SQL(" AND ").join([sql.SQL("t.deleted_at < %(before)s"), *free])
