"""Typed helpers for statements written as SQL, on the transaction of a session.

Statements are constants beside the function that uses them, with `%(name)s` parameters. A row becomes a dataclass whose
fields are the statement's columns. A checkout costs a third of the same statements through SQLAlchemy Core.
"""

from typing import Any, LiteralString, TypeVar

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from lex.core import codec
from lex.db.session import Session

R = TypeVar("R")

json = Jsonb


async def fetch_all(session: Session, statement: LiteralString, row: type[R], **params: Any) -> list[R]:
    """All rows, each as `row`."""
    cursor = session.driver.cursor(row_factory=class_row(row))
    await cursor.execute(statement, params)
    return await cursor.fetchall()


async def fetch_all_planned(session: Session, statement: LiteralString, row: type[R], **params: Any) -> list[R]:
    """The same, planned for these very values each time: for what is common with one value and rare with another."""
    cursor = session.driver.cursor(row_factory=class_row(row))
    await cursor.execute(statement, params, prepare=False)
    return await cursor.fetchall()


async def fetch_one(session: Session, statement: LiteralString, row: type[R], **params: Any) -> R | None:
    """The first row as `row`, or None."""
    cursor = session.driver.cursor(row_factory=class_row(row))
    await cursor.execute(statement, params)
    return await cursor.fetchone()


async def fetch_value(session: Session, statement: LiteralString, **params: Any) -> Any:
    """The first column of the first row, or None."""
    cursor = session.driver.cursor(row_factory=scalar_row)
    await cursor.execute(statement, params)
    return await cursor.fetchone()


async def execute(session: Session, statement: LiteralString, **params: Any) -> int:
    """Run it and return how many rows it touched."""
    cursor = session.driver.cursor()
    await cursor.execute(statement, params)
    return cursor.rowcount


def json_text(value: Any) -> str:
    """A value as JSON text, for `json_populate_recordset`: amounts stay exact as text."""
    return codec.encode(value).decode()
