"""The sandbox's books: its own account of every payment, in transactions of its own.

A real provider keeps what it did when we roll back; so these statements never run on the session of a flow.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from lex.adapters.payments import sandbox_cards
from lex.adapters.payments.sandbox_cards import Course
from lex.core import clock
from lex.db import jobs, sql
from lex.db.jobs import Later
from lex.db.session import alone, reading

#: How long a late payment takes.
LATE = timedelta(seconds=5)

_COLUMNS: LiteralString = """
id, idempotency_key, request, reference, status, amount, captured, refunded, currency, decline_code, card, return_url,
refunds, created_at
"""

# Nobody waits for the disk: the transaction that settles by these books takes them along.
_INSERT: LiteralString = f"""
WITH made AS (
    INSERT INTO sandbox_payments ({_COLUMNS})
    VALUES (%(id)s, %(idempotency_key)s, %(request)s, %(reference)s, %(status)s, %(amount)s, %(captured)s, 0,
            %(currency)s, %(decline_code)s, %(card)s, %(return_url)s, '[]', %(created_at)s)
    ON CONFLICT (idempotency_key) DO NOTHING
    RETURNING id
), told AS (
    {jobs.SEVERAL} WHERE EXISTS (SELECT FROM made)
)
SELECT count(*) FROM made WHERE set_config('synchronous_commit', 'off', true) = 'off'
"""

_FIND: LiteralString = f"""
SELECT {_COLUMNS} FROM sandbox_payments WHERE id = %(id)s OR idempotency_key = %(key)s ORDER BY id = %(id)s DESC LIMIT 1
"""

_LOCK: LiteralString = f"SELECT {_COLUMNS} FROM sandbox_payments WHERE id = %(id)s FOR UPDATE"

_UPDATE: LiteralString = """
UPDATE sandbox_payments SET status = %(status)s, captured = %(captured)s, refunded = %(refunded)s,
       decline_code = %(decline_code)s, refunds = %(refunds)s
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment in the books. Amounts in minor units."""

    id: str
    idempotency_key: str
    request: dict[str, Any]
    reference: str
    status: str
    amount: int
    captured: int
    refunded: int
    currency: str
    decline_code: str | None
    card: dict[str, Any]
    return_url: str | None
    refunds: list[Any]
    created_at: datetime

    @property
    def course(self) -> Course:
        """How payments with this card go."""
        return Course(self.card["course"])

    @property
    def wants_capture(self) -> bool:
        """Whether money is taken as soon as it is authorised."""
        return bool(self.request["capture"]) and self.course is not Course.AUTHORIZED_ONLY

    def paid(self) -> "Entry":
        """The bank said yes: captured, or authorised when that was all that was asked."""
        if self.wants_capture:
            return replace(self, status="captured", captured=self.amount)
        return replace(self, status="authorized")

    def declined(self, code: str) -> "Entry":
        """The bank said no."""
        return replace(self, status="declined", decline_code=code)

    def matured(self) -> "Entry":
        """The same once its time has come: a late payment is decided `LATE` after it was made."""
        return self.decided() if clock.real_now() >= self.created_at + LATE else self

    def decided(self) -> "Entry":
        """What became of a late payment; any other stays as it is."""
        if self.status != "processing":
            return self
        if self.course is Course.LATE_DECLINED:
            card = sandbox_cards.find_card(self.card["token"])
            return self.declined((card and card.decline_code) or "generic_decline")
        return self.paid()


async def insert(entry: Entry, following: Sequence[Later]) -> bool:
    """Enter a payment and the jobs that follow from it, at once; False when its key is in the books already."""
    params = {
        "id": entry.id,
        "idempotency_key": entry.idempotency_key,
        "request": Jsonb(entry.request),
        "reference": entry.reference,
        "status": entry.status,
        "amount": entry.amount,
        "captured": entry.captured,
        "currency": entry.currency,
        "decline_code": entry.decline_code,
        "card": Jsonb(entry.card),
        "return_url": entry.return_url,
        "created_at": entry.created_at,
        **jobs.several(following),
    }
    async with alone() as session:
        return bool(await sql.fetch_value(session, _INSERT, **params))


async def find(payment_id: str | None, idempotency_key: str | None = None) -> Entry | None:
    """A payment by its id, else by the key it was charged under."""
    async with reading() as connection, connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_FIND, {"id": payment_id, "key": idempotency_key})
        entry = await cursor.fetchone()
    return entry and entry.matured()


@asynccontextmanager
async def locked(payment_id: str) -> AsyncIterator[tuple[AsyncConnection[Any], Entry | None]]:
    """A payment under its lock, in a transaction of the sandbox's own that ends with the block."""
    async with reading() as connection, connection.transaction():
        async with connection.cursor(row_factory=class_row(Entry)) as cursor:
            await cursor.execute(_LOCK, {"id": payment_id})
            entry = await cursor.fetchone()
        yield connection, entry and entry.matured()


async def write(connection: AsyncConnection[Any], entry: Entry) -> None:
    """Store what changed."""
    params = {
        "id": entry.id,
        "status": entry.status,
        "captured": entry.captured,
        "refunded": entry.refunded,
        "decline_code": entry.decline_code,
        "refunds": Jsonb(entry.refunds),
    }
    await connection.execute(_UPDATE, params)
