"""What rests while much is loaded, inside the loader's own transaction: nobody else sees the tables without it.

The audit of inserted rows, which would write one for each, for products what keeps families and facets, and for
payments what compares them with what is due, which the owner is free of; foreign keys, which would look each row up.
Putting those back looks at all rows in one pass, so a row that hangs on nothing makes the whole transaction fail. Where
more comes than is there, indexes are taken off too and built anew, sorted and by several processes, instead of row by
row. Guards, every CHECK, primary keys and unique constraints look at each row as always.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from lex.core.errors import Conflict

#: Told as it goes on: what is made, how many there are, how many there will be.
Progress = Callable[[str, int, int], None]

_SETTINGS: LiteralString = """
SELECT set_config('maintenance_work_mem', '256MB', true), set_config('work_mem', '64MB', true)
"""
_TRIGGERS: LiteralString = """
SELECT tgrelid::regclass::text, tgname, tgenabled = 'A' FROM pg_trigger
WHERE tgrelid = ANY(%s::regclass[]) AND tgenabled <> 'D' AND tgtype & 4 = 4
    AND tgfoid = ANY('{public.audit_row,public.check_variant,public.sync_variant_family,
        public.carry_product_facets,public.carry_product_text,public.check_tender}'::regproc[])
"""
_KEYS: LiteralString = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = ANY(%s::regclass[]) AND contype = 'f' AND conparentid = 0 ORDER BY conrelid::regclass::text, conname
"""
#: Those of no constraint. `ON ONLY` would leave partitions without.
_INDEXES: LiteralString = """
SELECT indexrelid::regclass::text, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index
WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY indrelid, indexrelid
"""


_AUDIT: LiteralString = """
INSERT INTO audit_logs (id, created_at, role, action, resource, changes)
SELECT entry, uuid_v7_time(entry), 'system', 'seed', %s, %s FROM (SELECT uuid_v7() AS entry) e
"""


@dataclass(frozen=True, slots=True)
class Load:
    """A load: its number, which the audit names, and who hears how far it is."""

    seed: int
    told: Progress

    @contextmanager
    def at_rest(self, cursor: psycopg.Cursor[Any], tables: list[str], *, rebuild: bool) -> Iterator[Counter[str]]:
        """Load these tables inside and count the rows; with `rebuild`, indexes rest too.

        Raises `Conflict` where the tables do not belong to the role of the connection.
        """
        rows = Counter[str]()
        try:
            triggers = cursor.execute(_TRIGGERS, (tables,)).fetchall()
            keys = cursor.execute(_KEYS, (tables,)).fetchall()
            indexes = cursor.execute(_INDEXES, (tables,)).fetchall() if rebuild else []
            for table, name, _ in triggers:
                _alter(cursor, table, "DISABLE TRIGGER {}", name)
            for table, name, _ in keys:
                _alter(cursor, table, "DROP CONSTRAINT {}", name)
            for name, _ in indexes:
                cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise Conflict("Only the owner of the tables may load them in bulk.", code="not_owner") from error
        cursor.execute(_SETTINGS)
        yield rows
        for done, (_, definition) in enumerate(indexes, 1):
            cursor.execute(definition)
            self.told("Indexes", done, len(indexes))
        for done, (table, name, definition) in enumerate(keys, 1):
            _alter(cursor, table, "ADD CONSTRAINT {} " + definition, name)
            self.told("Foreign keys", done, len(keys))
        for table, name, is_always in triggers:
            _alter(cursor, table, "ENABLE ALWAYS TRIGGER {}" if is_always else "ENABLE TRIGGER {}", name)
        for table, number in rows.items():
            cursor.execute(_AUDIT, (table, Jsonb({"rows": number, "seed": self.seed})))


def _alter(cursor: psycopg.Cursor[Any], table: str, change: LiteralString, name: str) -> None:
    cursor.execute(sql.SQL("ALTER TABLE {} " + change).format(sql.Identifier(table), sql.Identifier(name)))
