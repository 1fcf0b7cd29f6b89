"""Typed helpers for statements written as SQL, on the transaction of a session.

Statements are constants beside the function that uses them, with `%(name)s` parameters. A row becomes a dataclass whose
fields are the statement's columns. A checkout costs a third of the same statements through SQLAlchemy Core.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, LiteralString, TypeVar

from psycopg.abc import Transformer
from psycopg.pq.abc import PGresult
from psycopg.types.json import Jsonb

from lex.core import codec
from lex.db.session import CountingCursor, Session

R = TypeVar("R")

json = Jsonb
_first = itemgetter(0)


async def fetch_all(session: Session, statement: LiteralString, row: type[R], **params: Any) -> list[R]:
    """All rows, each as `row`."""
    return _rows(*await _ask(session, statement, params), row)


async def fetch_all_planned(session: Session, statement: LiteralString, row: type[R], **params: Any) -> list[R]:
    """The same, planned for these very values each time: for what is common with one value and rare with another."""
    return _rows(*await _ask(session, statement, params, prepare=False), row)


async def fetch_one(session: Session, statement: LiteralString, row: type[R], **params: Any) -> R | None:
    """The first row as `row`, or None."""
    rows = _rows(*await _ask(session, statement, params), row, most=1)
    return rows[0] if rows else None


async def fetch_value(session: Session, statement: LiteralString, **params: Any) -> Any:
    """The first column of the first row, or None."""
    result, values = await _ask(session, statement, params)
    return values.load_row(0, _first) if result.ntuples else None


async def execute(session: Session, statement: LiteralString, **params: Any) -> int:
    """Run it and return how many rows it touched."""
    result, _ = await _ask(session, statement, params)
    touched = result.command_tuples
    return -1 if touched is None else touched


async def _ask(
    session: Session, statement: LiteralString, params: Mapping[str, Any], *, prepare: bool = True
) -> tuple[PGresult, Transformer]:
    CountingCursor.sent += 1
    return await session.driver.ask(statement, params, prepare=prepare)


def _rows(result: PGresult, values: Transformer, row: type[R], *, most: int | None = None) -> list[R]:
    names = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
    count = result.ntuples if most is None else min(result.ntuples, most)
    return values.load_rows(0, count, lambda cells: row(**dict(zip(names, cells, strict=True))))


def json_text(value: Any) -> str:
    """A value as JSON text, for `json_populate_recordset`: amounts stay exact as text."""
    return codec.encode(value).decode()
