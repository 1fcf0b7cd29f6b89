"""Past orders, batch by batch: drawn here, priced and written out by PostgreSQL (`statements`).

A hundred thousand orders are a transaction. Within it the audit triggers, which would write a row for each of the
seventeen rows of an order, rest: one entry a table says how many rows came. Foreign keys are taken off and put back,
so that PostgreSQL checks them in one pass instead of row by row. Every other trigger and CHECK looks at each row.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from lex.core import ids, money
from lex.core.errors import Conflict
from lex.core.settings import Settings
from lex.ops.seeding.buyers import Buyer
from lex.ops.seeding.statements import BATCH, PREPARE, TAKE

SIZE = 5000  # orders of a batch
TABLES = sorted({table for table, _ in BATCH if table})
PENDING = timedelta(minutes=20)  # how long ago the oldest unpaid order was placed
FRESH = timedelta(days=14)  # younger orders are still worked on

_ORDERS: LiteralString = """COPY seed_orders (id, user_id, order_number, outcome, email, shipping_address,
    billing_address, city, postal_code) FROM STDIN (FORMAT BINARY)"""
_LINES: LiteralString = "COPY seed_lines (order_id, user_id, position, product_id, quantity) FROM STDIN (FORMAT BINARY)"
_METHOD: LiteralString = """
SELECT id FROM shipping_methods WHERE deleted_at IS NULL AND is_active AND kind = 'flat'
    AND (countries = '{}' OR %s = ANY(countries)) ORDER BY "order" LIMIT 1
"""
_ON_SALE: LiteralString = """
SELECT id FROM products WHERE deleted_at IS NULL AND is_active AND variant_count = 0 AND product_type = 'physical'
ORDER BY sku
"""
_TRIGGERS: LiteralString = """
SELECT tgrelid::regclass::text, tgname, tgenabled = 'A' FROM pg_trigger
WHERE tgrelid = ANY(%s::regclass[]) AND tgfoid = 'public.audit_row'::regproc AND tgenabled <> 'D' AND tgtype & 4 = 4
"""
_KEYS: LiteralString = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = ANY(%s::regclass[]) AND contype = 'f' AND conparentid = 0 ORDER BY conrelid::regclass::text, conname
"""
_AUDIT: LiteralString = """
INSERT INTO audit_logs (id, created_at, role, action, resource, changes)
SELECT entry, uuid_v7_time(entry), 'system', 'seed', %s, %s FROM (SELECT uuid_v7() AS entry) e
"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a batch copies in: rows of orders and of their lines."""

    orders: list[tuple[Any, ...]]
    lines: list[tuple[Any, ...]]


def list_on_sale(connection: Connection[Any]) -> list[UUID]:
    """Ids of everything that can be bought and is shipped."""
    return [row[0] for row in connection.execute(_ON_SALE)]


def draw(
    dice: random.Random, buyers: list[Buyer], products: list[UUID], number: int, start: datetime, end: datetime
) -> Iterator[Drawn]:
    """Batches of orders in the order of their time, evenly from `start` to `end`; the last ones are unpaid yet.

    A few buyers and products have much of the trade, as in life.
    """
    pending = min(200, number // 100)
    settled = end - PENDING
    step = (settled - start) / max(number - pending, 1)
    for first in range(0, number, SIZE):
        batch = Drawn([], [])
        for place in range(first, min(first + SIZE, number)):
            if place < number - pending:
                instant, outcome = start + step * (place + dice.random()), _outcome(dice, end - (start + step * place))
            else:
                instant, outcome = end - PENDING * dice.random(), "pending"
            _order(dice, batch, buyers[int(len(buyers) * dice.random() ** 2)], products, instant, outcome)
        yield batch


def _outcome(dice: random.Random, age: timedelta) -> str:
    chance = dice.random()
    if chance < 0.06:
        return "canceled"
    if age > FRESH:
        return "completed" if chance < 0.98 else "processing"
    return "confirmed" if chance < 0.6 else "processing" if chance < 0.9 else "completed"


def _order(
    dice: random.Random, batch: Drawn, buyer: Buyer, products: list[UUID], instant: datetime, outcome: str
) -> None:
    order_id = UUID(
        int=ids.floor_id(instant).int | 7 << 76 | dice.getrandbits(12) << 64 | 2 << 62 | dice.getrandbits(62)
    )
    seal = buyer.cipher.seal
    addresses = (seal(f"orders.{kind}_address", order_id, buyer.address) for kind in ("shipping", "billing"))
    number, email = ids.order_number(order_id, dice.choice), seal("orders.email", order_id, buyer.email)
    batch.orders.append((order_id, buyer.id, number, outcome, email, *addresses, buyer.city, buyer.postal_code))
    wanted = {products[int(len(products) * dice.random() ** 2)] for _ in range(dice.choice((1, 1, 1, 2, 2, 3)))}
    for position, product in enumerate(sorted(wanted), 1):
        batch.lines.append((order_id, buyer.id, position, product, dice.choice((1, 1, 1, 2, 3))))


class Writer:
    """Writes batches over one connection. Raises `Conflict` where the tables do not belong to its role."""

    def __init__(self, connection: Connection[Any], config: Settings, seed: int) -> None:
        self._connection, self._seed = connection, seed
        method = connection.execute(_METHOD, (config.country,)).fetchone()
        if method is None:
            raise Conflict("There is no way of shipping to the shop's own country; add one first.", code="no_shipping")
        places = money.exponent(config.currency)
        self._params: dict[str, Any] = {
            "country": config.country,
            "method_id": method[0],
            "inclusive": config.prices_include_tax,
            "currency": config.currency,
            "places": places,
            "scale": 10**places,
            "hold": timedelta(minutes=config.payment_minutes),
        }
        connection.execute(PREPARE)
        connection.commit()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside is there wholly or not at all; others see the tables as they always are."""
        self._rows = Counter[str]()
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor, _at_rest(cursor):
                yield
                self._rows["stock_movements"] += cursor.execute(TAKE).rowcount
                for table, number in self._rows.items():
                    cursor.execute(_AUDIT, (table, Jsonb({"rows": number, "seed": self._seed})))
        except psycopg.errors.InsufficientPrivilege as error:
            raise Conflict("Only the owner of the tables may load orders in bulk.", code="not_owner") from error

    def write(self, batch: Drawn) -> None:
        """One batch, inside a transaction."""
        keys = [row[0] for row in batch.orders]
        params = {**self._params, "low": min(keys), "high": max(keys)}
        with self._connection.cursor() as cursor:
            self._copy(cursor, batch)
            for table, statement in BATCH:
                cursor.execute(statement, None if statement.startswith("ANALYZE") else params)
                if table:
                    self._rows[table] += cursor.rowcount

    def _copy(self, cursor: psycopg.Cursor[Any], batch: Drawn) -> None:
        cursor.execute("TRUNCATE seed_orders, seed_lines, seed_items")
        with cursor.copy(_ORDERS) as copy:
            copy.set_types(["uuid", "uuid", "text", "text", "bytea", "bytea", "bytea", "text", "text"])
            for row in batch.orders:
                copy.write_row(row)
        with cursor.copy(_LINES) as copy:
            copy.set_types(["uuid", "uuid", "int4", "uuid", "int4"])
            for row in batch.lines:
                copy.write_row(row)
        cursor.execute("ANALYZE seed_orders, seed_lines")


@contextmanager
def _at_rest(cursor: psycopg.Cursor[Any]) -> Iterator[None]:
    """Without the audit of inserted rows and without foreign keys; putting those back checks all rows."""
    triggers = cursor.execute(_TRIGGERS, (TABLES,)).fetchall()
    keys = cursor.execute(_KEYS, (TABLES,)).fetchall()
    for table, name, _ in triggers:
        _alter(cursor, table, "DISABLE TRIGGER {}", name)
    for table, name, _ in keys:
        _alter(cursor, table, "DROP CONSTRAINT {}", name)
    yield
    for table, name, definition in keys:
        _alter(cursor, table, "ADD CONSTRAINT {} " + definition, name)
    for table, name, is_always in triggers:
        _alter(cursor, table, "ENABLE ALWAYS TRIGGER {}" if is_always else "ENABLE TRIGGER {}", name)


def _alter(cursor: psycopg.Cursor[Any], table: str, change: LiteralString, name: str) -> None:
    cursor.execute(sql.SQL("ALTER TABLE {} " + change).format(sql.Identifier(table), sql.Identifier(name)))
