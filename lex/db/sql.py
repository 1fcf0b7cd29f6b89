"""Typed helpers for statements written as SQL, on the transaction of a session.

Statements are constants beside the function that uses them, with `%(name)s` parameters. A row becomes a dataclass whose
fields are the statement's columns. A checkout costs a third of the same statements through SQLAlchemy Core.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from operator import itemgetter
from typing import Any, LiteralString, TypeAlias, TypeVar, overload

import psycopg
from psycopg.abc import Transformer
from psycopg.errors import PipelineAborted
from psycopg.pq.abc import PGresult
from psycopg.types.json import Jsonb

from lex.core import codec
from lex.db.session import CountingCursor, Session

R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
Work: TypeAlias = Awaitable[R]

json = Jsonb
_first = itemgetter(0)

#: Goes out with a statement that is planned for its values; until the end of the transaction, where hardly any follows.
PLANNED: LiteralString = "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"


def insist(condition: LiteralString) -> LiteralString:
    """An expression to select that raises `Unmet` unless the condition holds: what is sent behind it is not done."""
    return "1 / (" + condition + ")::int"


def conclude(session: Session) -> None:
    """Let COMMIT go out with the next round trip, the last of this transaction: nothing follows it.

    For where its statements either fail (`insist`) or may stand, whatever they answer.
    """
    session.driver.conclude()


async def fetch_all(session: Session, statement: LiteralString, row: type[R], **params: Any) -> list[R]:
    """All rows, each as `row`."""
    return _rows(*await _ask(session, statement, params), row)


async def fetch_all_planned(session: Session, statement: LiteralString, row: type[R], **params: Any) -> list[R]:
    """The same, planned for these very values each time: for what is common with one value and rare with another."""
    session.driver.soon(PLANNED, {})
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


def execute_soon(session: Session, statement: LiteralString, **params: Any) -> None:
    """Run it before the next statement or the end of the transaction, which raises its error: nobody waits for it."""
    CountingCursor.sent += 1
    session.driver.soon(statement, params)


@overload
async def together(session: Session, one: Work[A], two: Work[B], /) -> tuple[A, B]: ...
@overload
async def together(session: Session, one: Work[A], two: Work[B], three: Work[C], /) -> tuple[A, B, C]: ...
async def together(session: Session, *works: Work[Any]) -> tuple[Any, ...]:
    """Do works of one statement each in one round trip, in their order, and return what they return.

    All are sent before the first is answered: a later one has to be right, or at least do no harm, whatever comes of
    those before it. When a statement fails, those after it are not done, and where a work fails before it asks,
    none is. Raises the first error in their order.
    """
    with session.driver.holding() as place:
        tasks = [asyncio.ensure_future(work) for work in works]
        await asyncio.sleep(0)  # each has said what it asks
    if early := next((task.exception() for task in tasks if task.done() and task.exception()), None):
        session.driver.withdraw(place)  # it asked nothing, and the others do not go without it
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise early
    before: psycopg.Error | None = None
    try:
        try:
            await session.driver.send()
        except psycopg.Error as error:
            before = error
        done = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()
    for one in done:
        if isinstance(one, PipelineAborted) and before is not None:  # by what stood in line before all of them
            raise before
        if isinstance(one, BaseException):
            raise one
    return tuple(done)


async def _ask(
    session: Session, statement: LiteralString, params: Mapping[str, Any], *, prepare: bool = True
) -> tuple[PGresult, Transformer]:
    CountingCursor.sent += 1
    return await session.driver.ask(statement, params, prepare=prepare)


def _rows(result: PGresult, values: Transformer, row: type[R], *, most: int | None = None) -> list[R]:
    names = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
    count = result.ntuples if most is None else min(result.ntuples, most)
    return values.load_rows(0, count, lambda cells: row(**dict(zip(names, cells, strict=True))))


def values(columns: LiteralString) -> LiteralString:
    """The parameters of a row: one for each column, named as it is."""
    return ", ".join("%(" + column.strip() + ")s" for column in columns.split(","))


def json_text(value: Any) -> str:
    """A value as JSON text, for `json_populate_recordset`: amounts stay exact as text."""
    return codec.encode(value).decode()
