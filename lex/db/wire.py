"""A connection whose statements go straight to libpq, several at a time: a transaction of a checkout sends some ten.

psycopg's cursors remember, convert and offer more than a statement between BEGIN and COMMIT needs, and cost the
application twice what this does. As with them, values are converted by psycopg, a statement that comes often is
prepared, and a task that is canceled cancels its statement and leaves the connection usable.

Waiting for an answer costs both sides more than most statements: what need not be waited for goes out with what is.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection, abc
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from lex.db.lanes import text_of

#: How often a statement is sent before it is prepared, and how many stay so: psycopg's own numbers.
PREPARED_AFTER = 5
MOST_PREPARED = 100
_CANCEL_SECONDS = 5.0
#: A prepared statement that is not there any more, or whose table has changed.
_LOST = (b"26000", b"0A000")

_Key = tuple[bytes, tuple[int, ...]]


class Asked:
    """A statement in line or answered."""

    __slots__ = ("key", "result", "sent", "turn", "values", "wants_name")

    def __init__(
        self, statement: LiteralString, params: Mapping[str, Any], values: abc.Transformer, prepare: bool
    ) -> None:
        text = text_of(statement)
        self.sent = values.dump_sequence([params[name] for name in text.names], text.formats)
        self.key: _Key = (text.sql, values.types or ())
        self.values, self.wants_name = values, prepare
        self.result: PGresult | None = None
        self.turn: asyncio.Future[None] | None = None

    def answer(self) -> tuple[PGresult, abc.Transformer]:
        """The result, and what converts its rows. Raises psycopg's errors."""
        self.check()
        if self.result is None or self.result.status == ExecStatus.PIPELINE_ABORTED:
            raise psycopg.errors.PipelineAborted("a statement before it failed")
        self.values.set_pgresult(self.result)
        return self.result, self.values

    def check(self) -> None:
        """Raises its own error."""
        if self.result is not None and self.result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(self.result, encoding=self.values.encoding)


class Wire(AsyncConnection[Any]):
    """A connection of psycopg's, whose cursors may be used beside `ask`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The name of a prepared statement, or how often one was sent.
        self._known: OrderedDict[_Key, bytes | int] = OrderedDict()
        self._numbers = 0
        self._line: list[Asked] = []
        self._holds = self._concludes = False
        self._commit: Asked | None = None

    def soon(self, statement: LiteralString, params: Mapping[str, Any], *, prepare: bool = True) -> Asked:
        """Put a statement in line: it goes out with the next one that is asked or said, which raises its error."""
        if self._commit:
            raise RuntimeError("the transaction was concluded before this statement")
        asked = Asked(statement, params, Transformer(self), prepare=prepare)
        self._line.append(asked)
        return asked

    async def ask(
        self, statement: LiteralString, params: Mapping[str, Any], *, prepare: bool = True
    ) -> tuple[PGresult, abc.Transformer]:
        """Send a statement with `%(name)s` parameters, after what is in line; the result, and what converts its rows.

        Raises psycopg's errors.
        """
        asked = self.soon(statement, params, prepare=prepare)
        if self._holds:
            asked.turn = asyncio.get_running_loop().create_future()
            await asked.turn
        else:
            await self.send()
        return asked.answer()

    @contextmanager
    def holding(self) -> Iterator[int]:
        """What is asked inside the block waits in line, for `send` or `withdraw`: the place from which on."""
        self._holds = True
        try:
            yield len(self._line)
        finally:
            self._holds = False

    async def send(self) -> None:
        """Send what is in line as one batch, in its order. Raises the first error among the answers: what comes after
        a statement that fails is not done."""
        async with self.lock:
            await self._send()

    def withdraw(self, place: int) -> None:
        """Take out of line what stands from this place on; the next batch does not conclude."""
        del self._line[place:]
        self._concludes = False

    def conclude(self) -> None:
        """The next batch ends with COMMIT; nothing more is asked in this transaction."""
        self._concludes = True

    async def commit(self) -> None:
        """Send COMMIT, unless it has gone out. Raises its error: then nothing was committed."""
        if self._commit is None:
            await self.say(b"COMMIT")
        else:
            self._commit.answer()

    async def say(self, command: bytes) -> None:
        """Send text that may be several statements, after what is in line: COMMIT. Raises psycopg's errors."""
        async with self.lock:
            await self._send()
            self.pgconn.send_query(command)
            results: list[PGresult] = []
            await self._read(results)
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise error_from_result(result, encoding=self.info.encoding)

    async def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """What psycopg's own cursors send goes after what is in line as well."""
        if self._line:
            await self._send()
        return await super().wait(gen, *args, **kwargs)

    def forget(self) -> None:
        """Nobody waits any more for what is in line; what is asked next begins anew."""
        self._line.clear()
        self._concludes, self._commit = False, None

    async def _send(self) -> None:
        if self._line and self._concludes:
            self._commit = self.soon("COMMIT", {})
        batch, self._line = self._line, []
        if not batch:
            return
        results: list[PGresult] = []
        wire = self.pgconn
        try:
            try:
                wire.enter_pipeline_mode()
                expected = [one for asked in batch for one in self._queue(asked)]
                wire.pipeline_sync()
            except BaseException:  # half a batch is under way: nobody could tell whose the next answer is
                wire.finish()
                raise
            await self._read(results, len(expected) + 1)
            wire.exit_pipeline_mode()
        finally:
            for asked in batch:
                if asked.turn is not None and not asked.turn.done():
                    asked.turn.set_result(None)
        for entry, result in zip(expected, results, strict=False):
            if entry is not None:
                self._take(*entry, result)
        for asked in batch:
            asked.check()

    def _queue(self, asked: Asked) -> Iterator[tuple[Asked, bool] | None]:
        """Put it on its way, by name once it came often enough. Yields what is answered next, and whether it is only
        being prepared; None is the end of a statement."""
        wire, key, values = self.pgconn, asked.key, asked.values
        known = self._known.get(key, 0) if asked.wants_name else 0
        if isinstance(known, int) and known < PREPARED_AFTER:
            if asked.wants_name:
                self._known[key] = known + 1
                yield from self._forget_some()
            wire.send_query_params(key[0], asked.sent, values.types, values.formats)
            yield asked, False
            return
        if isinstance(known, int):
            self._numbers += 1
            self._known[key] = known = b"wire%d" % self._numbers
            wire.send_prepare(known, *key)
            yield asked, True
        self._known.move_to_end(key)
        wire.send_query_prepared(known, asked.sent, values.formats)
        yield asked, False

    def _forget_some(self) -> Iterator[None]:
        while len(self._known) > MOST_PREPARED:
            _, name = self._known.popitem(last=False)
            if isinstance(name, bytes):
                self.pgconn.send_close_prepared(name)
                yield None

    def _take(self, asked: Asked, is_prepared: bool, result: PGresult) -> None:
        is_error = result.status in (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
        if is_error and (is_prepared or result.error_field(DiagnosticField.SQLSTATE) in _LOST):
            self._known.pop(asked.key, None)
        if asked.result is None or asked.result.status != ExecStatus.FATAL_ERROR:
            asked.result = result

    async def _read(self, results: list[PGresult], most: int | None = None) -> None:
        """Add the answers to what was sent: all of a command, or so many of a batch."""
        try:
            await self._results(results, most)
        except BaseException:
            await self._stop(results, most)
            raise

    async def _results(self, results: list[PGresult], most: int | None) -> None:
        wire, loop = self.pgconn, asyncio.get_running_loop()
        while wire.flush():
            await _once(loop.add_writer, loop.remove_writer, wire.socket)
        while most is None or len(results) < most:
            while wire.is_busy():
                await _once(loop.add_reader, loop.remove_reader, wire.socket)
                wire.consume_input()
            result = wire.get_result()
            if result is not None:
                results.append(result)
            elif most is None:
                return
            elif wire.status != ConnStatus.OK:
                raise psycopg.OperationalError("the connection was closed")

    async def _stop(self, results: list[PGresult], most: int | None) -> None:
        """What is under way is not waited for any more: cancel it, so that the transaction can be rolled back."""
        if self.closed:
            return
        try:
            await self.cancel_safe(timeout=_CANCEL_SECONDS)
            async with asyncio.timeout(_CANCEL_SECONDS):
                await self._results(results, most)
            if most is not None:
                self.pgconn.exit_pipeline_mode()
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
