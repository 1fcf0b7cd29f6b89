"""A connection whose statements go straight to libpq: a transaction of a checkout sends some ten.

psycopg's cursors remember, convert and offer more than a statement between BEGIN and COMMIT needs, and cost the
application twice what this does. As with them, values are converted by psycopg, a statement that comes often is
prepared, and a task that is canceled cancels its statement and leaves the connection usable.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, LiteralString

from psycopg import AsyncConnection, abc
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from lex.db.lanes import text_of

#: How often a statement is sent before it is prepared, and how many stay so: psycopg's own numbers.
PREPARED_AFTER = 5
MOST_PREPARED = 100
_CANCEL_SECONDS = 5.0
#: A prepared statement that is not there any more, or whose table has changed.
_LOST = ("26000", "0A000")

_Key = tuple[bytes, tuple[int, ...]]


class Wire(AsyncConnection[Any]):
    """A connection of psycopg's, whose cursors may be used beside `ask`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The name of a prepared statement, or how often one was sent.
        self._known: OrderedDict[_Key, bytes | int] = OrderedDict()
        self._numbers = 0

    async def ask(
        self, statement: LiteralString, params: Mapping[str, Any], *, prepare: bool = True
    ) -> tuple[PGresult, abc.Transformer]:
        """Send a statement with `%(name)s` parameters; the result, and what converts its rows.

        Raises psycopg's errors.
        """
        text, values = text_of(statement), Transformer(self)
        sent = values.dump_sequence([params[name] for name in text.names], text.formats)
        key: _Key = (text.sql, values.types or ())
        async with self.lock:
            name = await self._name_of(key) if prepare else None
            if name is None:
                self.pgconn.send_query_params(text.sql, sent, values.types, values.formats)
            else:
                self.pgconn.send_query_prepared(name, sent, values.formats)
            result = await self._answer(key)
        values.set_pgresult(result)
        return result, values

    async def say(self, command: bytes) -> None:
        """Send text that may be several statements: BEGIN and what goes with it, COMMIT. Raises psycopg's errors."""
        async with self.lock:
            self.pgconn.send_query(command)
            await self._answer()

    async def _name_of(self, key: _Key) -> bytes | None:
        """The name it is prepared under, None for what has not come often enough."""
        known = self._known.get(key, 0)
        if isinstance(known, bytes):
            self._known.move_to_end(key)
            return known
        if known < PREPARED_AFTER:
            self._known[key] = known + 1
            self._known.move_to_end(key)
            await self._forget_some()
            return None
        self._numbers += 1
        name = b"wire%d" % self._numbers
        self.pgconn.send_prepare(name, *key)
        await self._answer()
        self._known[key] = name
        return name

    async def _forget_some(self) -> None:
        while len(self._known) > MOST_PREPARED:
            _, name = self._known.popitem(last=False)
            if isinstance(name, bytes):
                self.pgconn.send_query(b"DEALLOCATE " + name)
                await self._answer()

    async def _answer(self, key: _Key | None = None) -> PGresult:
        """The last result of what was sent. Raises the first error among them."""
        try:
            results = await self._results()
        except BaseException:
            await self._stop()
            raise
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                error = error_from_result(result, encoding=self.info.encoding)
                if key is not None and error.sqlstate in _LOST:
                    self._known.pop(key, None)
                raise error
        return results[-1]

    async def _results(self) -> list[PGresult]:
        wire, loop = self.pgconn, asyncio.get_running_loop()
        while wire.flush():
            await _once(loop.add_writer, loop.remove_writer, wire.socket)
        results: list[PGresult] = []
        while True:
            while wire.is_busy():
                await _once(loop.add_reader, loop.remove_reader, wire.socket)
                wire.consume_input()
            result = wire.get_result()
            if result is None:
                return results
            results.append(result)

    async def _stop(self) -> None:
        """What is under way is not waited for any more: cancel it, so that the transaction can be rolled back."""
        if self.closed:
            return
        try:
            await self.cancel_safe(timeout=_CANCEL_SECONDS)
            async with asyncio.timeout(_CANCEL_SECONDS):
                await self._results()
        except (Exception, asyncio.CancelledError):
            self.pgconn.finish()


async def _once(add: Callable[..., Any], remove: Callable[[int], Any], socket: int) -> None:
    """Wait until the socket can be read, or written."""
    ready = asyncio.get_running_loop().create_future()
    add(socket, _set, ready)
    try:
        await ready
    finally:
        remove(socket)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
