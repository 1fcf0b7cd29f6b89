"""The raw read path: public reads whose JSON PostgreSQL finishes and Python only passes on.

A statement returns one column of type json (`json_*` functions; `jsonb_*` cost more); it arrives here as bytes. Only
for what everybody may see: it runs in autocommit without an actor. `adapters/cached` keeps what many ask for.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, LiteralString, Self

from psycopg.adapt import Buffer, Loader
from psycopg.rows import scalar_row

from lex.db.session import reading


class Document(bytes):
    """Finished bytes with what was worked out of them once: their tag, and perhaps their brotli form."""

    etag: str
    compressed: bytes | None

    @classmethod
    def of(cls, body: bytes, etag: str = "", compressed: bytes | None = None) -> Self:
        """`body` as a document; its tag is worked out unless it is known."""
        made = cls(body)
        made.etag, made.compressed = etag or etag_of(body), compressed
        return made


class _Bytes(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def etag_of(body: bytes) -> str:
    """A weak tag of some bytes: compression changes the bytes sent and keeps what they say."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


async def find_document(statement: LiteralString, params: Mapping[str, Any]) -> bytes | None:
    """The JSON of the first row, or None when there is no row or it is null. Raises `Unavailable`."""
    async with reading() as connection, connection.cursor(row_factory=scalar_row) as cursor:
        cursor.adapters.register_loader("json", _Bytes)
        await cursor.execute(statement, params)
        document: bytes | None = await cursor.fetchone()
        return document
