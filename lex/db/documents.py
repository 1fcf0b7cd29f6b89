"""The raw read path: public reads whose JSON PostgreSQL finishes and Python only passes on.

A statement returns one column of type json (`json_*` functions; `jsonb_*` cost more); it arrives here as bytes. Only
for what everybody may see: it runs in autocommit without an actor. `adapters/cached` keeps what many ask for.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, LiteralString, Self

import psycopg
from psycopg_pool import PoolTimeout

from lex.core.errors import Unavailable
from lex.db.rules import refusal_for
from lex.db.session import database


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


def etag_of(body: bytes) -> str:
    """A weak tag of some bytes: compression changes the bytes sent and keeps what they say."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


async def find_document(statement: LiteralString, params: Mapping[str, Any], *, is_quick: bool = False) -> bytes | None:
    """The JSON of the first row, or None when there is no row or it is null. Raises `Unavailable`.

    `is_quick` is for what reads a few rows by their keys: such statements share one connection, and whatever takes
    longer would hold the others up.
    """
    lanes = database().quick if is_quick else database().lanes
    try:
        return await lanes.find(statement, params)
    except PoolTimeout as error:
        raise Unavailable("The database does not answer; try again in a moment.", code="overloaded") from error
    except psycopg.Error as error:
        raise (refusal_for(error) or error) from error
