"""The connections a process runs its transactions on.

The one used last is lent first: its statements are planned and its memory is warm. For the same reason only `AT_ONCE`
are lent at a time, which keep PostgreSQL as busy as one process can: sixteen backends taking turns on a processor find
their memory cold each time, and a checkout costs PostgreSQL a tenth more. One that is not back after `SOON` waits for a
lock or the disk, and the next is lent meanwhile.

They are in autocommit mode: who borrows one says BEGIN together with the settings of the transaction.
"""

import asyncio
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from lex.core.errors import Unavailable
from lex.db.roles import other_login
from lex.db.wire import Wire

AT_ONCE = 2
#: Seconds. Longer, and a database far away is kept waiting for turns.
SOON = 0.02
_SECONDS = 5.0


class _Turn:
    """One of the turns, for a while."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._timer: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(SOON, self.end)

    def end(self) -> None:
        """Let the next have it; twice changes nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._turns.release()


class Pool:
    """At most `size` connections as `role` to `url`, opened when they are wanted; `options` are psycopg's."""

    def __init__(self, role: str, url: str, size: int, **options: Any) -> None:
        self._role, self._url, self._options = role, url, options
        self._idle: list[Wire] = []
        self._places = asyncio.Semaphore(size)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._turn_of: dict[Wire, _Turn] = {}
        #: Connections lent, or about to be.
        self.used = 0

    @property
    def idle(self) -> int:
        """Connections nobody uses."""
        return len(self._idle)

    async def take(self) -> Wire:
        """A connection; `give` it back. Raises `Unavailable` when none is given back for five seconds, and when the
        address logs in as somebody else (`wrong_login`)."""
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()
        self.used += 1
        try:
            return await self._lend()
        except BaseException:
            self.used -= 1
            self._places.release()
            raise

    async def _lend(self) -> Wire:
        await self._turns.acquire()  # nobody has one for longer than `SOON`
        turn = _Turn(self._turns)
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
        except BaseException:
            turn.end()
            raise
        self._turn_of[connection] = turn
        return connection

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            text = "Every database connection is in use; try again in a moment."
            raise Unavailable(text, code="overloaded") from error

    async def _connect(self) -> Wire:
        connection = await Wire.connect(self._url, autocommit=True, **self._options)
        if trouble := other_login(self._role, connection.pgconn):
            await connection.close()
            raise Unavailable(f"{self._role} cannot work: {trouble}. Run lex doctor.", code="wrong_login")
        return connection

    async def give(self, connection: Wire) -> None:
        """Take a connection back, rolled back. What was cut is closed, and those at rest with it: a restart of the
        server cuts them all.
        """
        connection.forget()
        try:
            if connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                await connection.say(b"ROLLBACK")
        except psycopg.Error:
            pass  # it is closed below; why the transaction failed is more than why it could not be rolled back
        finally:
            self.used -= 1
            self._turn_of.pop(connection).end()
            self._places.release()
            await self._keep(connection)

    async def _keep(self, connection: Wire) -> None:
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
            return
        await connection.close()
        await self.close()

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            await self._idle.pop().close()
