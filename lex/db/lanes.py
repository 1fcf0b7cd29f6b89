"""Lanes: connections that public reads share, with many statements under way on each.

A lane is an autocommit connection in pipeline mode that is watched for good. What is asked of it in one turn of the
event loop leaves as one batch: one write, one waking of its backend. Borrowing a connection for every statement and
watching it anew costs the application more than the read does, and waking a backend more than reading a product.

Every statement is prepared. A batch is one implicit transaction, each statement with a snapshot of its own; one that
fails takes the rest of its batch along, which is asked again, as is what was under way on a connection that is cut:
lanes are for statements that change nothing.
"""

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg_pool import AsyncConnectionPool

MOST_PREPARED = 100
PATIENCE = 15.0  # seconds without any answer after which a connection counts as cut; statements end before
_TRIES = 5
_PARAMETER = re.compile(r"%(?:\((\w+)\)s|%)")
_Key = tuple[bytes, tuple[int, ...]]


class Cut(psycopg.OperationalError):
    """The connection went while a statement was under way."""


class Text(NamedTuple):
    """A statement as PostgreSQL takes it, with the names of its parameters in their order."""

    sql: bytes
    names: tuple[str, ...]
    formats: tuple[PyFormat, ...]


class _Asked:
    """A statement under way; `answer` is the text of its first column, None for null or no row."""

    __slots__ = ("answer", "key", "params", "statement", "tries")

    def __init__(self, statement: LiteralString, params: Mapping[str, Any]) -> None:
        self.statement, self.params = statement, params
        self.answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self.key: _Key = (b"", ())
        self.tries = 0

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Lane:
    """One connection in pipeline mode; `is_cut` when it cannot be used any more."""

    def __init__(self, connection: AsyncConnection[Any], cut: Callable[["Lane"], None]) -> None:
        self.connection = connection
        self.is_cut = False
        self._tell_cut = cut
        self._wire = connection.pgconn
        self._values = Transformer(connection)
        self._loop = asyncio.get_running_loop()
        self._prepared: OrderedDict[_Key, bytes] = OrderedDict()
        #: What is answered next, and whether it is only being prepared; None is the end of a batch or a statement.
        self._expected: deque[tuple[_Asked, bool] | None] = deque()
        self._numbers = self._taken = 0
        self._is_due = self._is_blocked = self._is_watched = False
        self._wire.enter_pipeline_mode()
        self._loop.add_reader(self._wire.socket, self._guarded, self._read)

    @property
    def load(self) -> int:
        """How much is under way."""
        return len(self._expected)

    def ask(self, asked: _Asked) -> None:
        """Send a statement with the next batch. Raises psycopg's errors for values that cannot be sent."""
        text = text_of(asked.statement)
        values = self._values.dump_sequence([asked.params[name] for name in text.names], text.formats)
        asked.key = key = (text.sql, self._values.types or ())
        asked.tries += 1
        self._guarded(self._queue, asked, key, values)
        if self.is_cut:
            asked.fail(Cut("the connection is cut"))
        elif not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._guarded, self._send)

    def _queue(self, asked: _Asked, key: _Key, values: Any) -> None:
        formats = self._values.formats
        if key not in self._prepared:
            if len(self._prepared) >= MOST_PREPARED:
                self._wire.send_close_prepared(self._prepared.popitem(last=False)[1])
                self._expected.append(None)
            self._numbers += 1
            self._prepared[key] = b"lane%d" % self._numbers
            self._wire.send_prepare(self._prepared[key], *key)
            self._expected.append((asked, True))
        self._prepared.move_to_end(key)
        self._expected.append((asked, False))
        self._wire.send_query_prepared(self._prepared[key], values, formats)

    def _send(self) -> None:
        self._is_due = False
        self._wire.pipeline_sync()
        self._expected.append(None)
        self._flush()
        if not self._is_watched:
            self._watch()

    def _flush(self) -> None:
        is_blocked = bool(self._wire.flush())
        if is_blocked and not self._is_blocked:
            self._loop.add_writer(self._wire.socket, self._guarded, self._flush)
        elif self._is_blocked and not is_blocked:
            self._loop.remove_writer(self._wire.socket)
        self._is_blocked = is_blocked

    def _read(self) -> None:
        wire, expected = self._wire, self._expected
        wire.consume_input()
        while expected and not wire.is_busy():
            result = wire.get_result()
            if wire.status != ConnStatus.OK:
                raise psycopg.OperationalError("the connection was closed")
            if result is not None:
                self._taken += 1
                entry = expected.popleft()
                if entry is not None:
                    self._take(*entry, result)

    def _take(self, asked: _Asked, is_prepared: bool, result: PGresult) -> None:
        status = result.status
        if status == ExecStatus.TUPLES_OK:
            if not asked.answer.done():
                asked.answer.set_result(result.get_value(0, 0) if result.ntuples else None)
        elif status != ExecStatus.COMMAND_OK:
            error = error_from_result(result)
            if isinstance(error, psycopg.OperationalError) and (error.sqlstate or "").startswith("57P"):
                asked.fail(Cut(str(error)))
                raise error  # the server ends the connection
            is_unknown = isinstance(error, psycopg.errors.InvalidSqlStatementName)
            if is_prepared or is_unknown:
                self._prepared.pop(asked.key, None)
            if status == ExecStatus.PIPELINE_ABORTED or is_unknown:
                if not is_prepared and not asked.answer.done():
                    self._ask_again(asked, error)
            else:
                asked.fail(error)

    def _ask_again(self, asked: _Asked, error: Exception) -> None:
        if asked.tries < _TRIES:
            self.ask(asked)
        else:
            asked.fail(error)

    def _watch(self, taken: int = -1) -> None:
        self._is_watched = bool(self._expected) and not self.is_cut
        if self._is_watched and taken == self._taken:
            self.cut(psycopg.OperationalError(f"no answer within {PATIENCE:g} seconds"))
        elif self._is_watched:
            self._loop.call_later(PATIENCE, self._watch, self._taken)

    def _guarded(self, work: Callable[..., None], *args: Any) -> None:
        """Do it unless the connection is cut, or finds itself so."""
        if self.is_cut:
            return
        try:
            work(*args)
        except psycopg.Error as error:
            self.cut(error)

    def cut(self, error: Exception) -> None:
        """Use it no more; what is under way fails with `Cut`."""
        if self.is_cut:
            return
        self.is_cut = True
        self._loop.remove_reader(self._wire.socket)
        self._loop.remove_writer(self._wire.socket)
        for entry in self._expected:
            if entry is not None:
                entry[0].fail(Cut(str(error)))
        self._expected.clear()
        self._tell_cut(self)


class Lanes:
    """At most `most` lanes over the connections of a pool, opened when all there are have something to do."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]], most: int, count: Callable[[], None]) -> None:
        self._pool, self._most, self._count = pool, most, count
        self._lanes: list[Lane] = []
        self._opening: asyncio.Task[None] | None = None
        self._returning: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> int:
        """Lanes with nothing to do."""
        return sum(not lane.load for lane in self._lanes)

    async def find(self, statement: LiteralString, params: Mapping[str, Any]) -> bytes | None:
        """The text of the first column of the first row, None for null or no row.

        Raises psycopg's errors; a statement whose connection is cut is asked once more.
        """
        self._count()
        try:
            return await self._find(statement, params)
        except Cut:
            return await self._find(statement, params)

    async def _find(self, statement: LiteralString, params: Mapping[str, Any]) -> bytes | None:
        lane = min(self._lanes, key=_load, default=None)
        if (lane is None or lane.load) and len(self._lanes) < self._most and self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        while lane is None:
            if self._opening is None:
                raise Cut("the connection was cut at once")
            await asyncio.shield(self._opening)
            lane = min(self._lanes, key=_load, default=None)
        asked = _Asked(statement, params)
        lane.ask(asked)
        return await asked.answer

    async def _open(self) -> None:
        connection = await self._pool.getconn()
        try:
            self._lanes.append(Lane(connection, self._leave))
        except psycopg.Error:
            await self._pool.putconn(connection)
            raise

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # whoever waits for it is told

    def _leave(self, lane: Lane) -> None:
        self._lanes.remove(lane)
        task = asyncio.get_running_loop().create_task(self._give_back(lane))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _give_back(self, lane: Lane) -> None:
        await lane.connection.close()
        await self._pool.putconn(lane.connection)

    async def close(self) -> None:
        """Give all connections back."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        for lane in [*self._lanes]:
            lane.cut(Cut("the database is being closed"))
        await asyncio.gather(*self._returning)


def _load(lane: Lane) -> int:
    return lane.load


@lru_cache(maxsize=1024)
def text_of(statement: LiteralString) -> Text:
    """A statement with `%(name)s` parameters as PostgreSQL takes it."""
    names: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}" if found[1] else "%"

    sql = _PARAMETER.sub(place, statement).encode()
    return Text(sql, tuple(names), (PyFormat.AUTO,) * len(names))
