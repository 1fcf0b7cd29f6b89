"""The raw read path: public reads whose JSON PostgreSQL finishes and Python only passes on.

A statement returns one column of type json (`json_*` functions; `jsonb_*` cost more); it arrives here as bytes. Only
for what everybody may see: it runs in autocommit without an actor.
"""

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg.adapt import Buffer, Loader
from psycopg.rows import scalar_row

from lex.db.session import reading


class _Bytes(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def find_document(statement: LiteralString, params: Mapping[str, Any]) -> bytes | None:
    """The JSON of the first row, or None when there is no row or it is null. Raises `Unavailable`."""
    async with reading() as connection, connection.cursor(row_factory=scalar_row) as cursor:
        cursor.adapters.register_loader("json", _Bytes)
        await cursor.execute(statement, params)
        document: bytes | None = await cursor.fetchone()
        return document
