"""Past orders, batch by batch: drawn here, priced and written out by PostgreSQL (`statements`).

A million orders at most are a transaction, in which what would look at each row alone rests (`at_rest`).
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import Connection

from lex.core import ids, money
from lex.core.errors import Conflict
from lex.core.settings import Settings
from lex.ops.seeding.at_rest import Load
from lex.ops.seeding.buyers import Buyer
from lex.ops.seeding.statements import BATCH, EMPTY, GOODS, PREPARE, TAKE

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


#: How many there are, up to as many as are asked about.
_THERE: LiteralString = "SELECT count(*) FROM (SELECT FROM orders LIMIT %s) there"


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


def drawn_ahead(batches: Iterator[Drawn]) -> Iterator[Drawn]:
    """The same batches, each drawn while PostgreSQL is busy with the one before it."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = thread.submit(next, batches, None)
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

    def __init__(self, connection: Connection[Any], config: Settings, load: Load) -> None:
        self._connection, self._load = connection, load
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

    def prepare(self, products: list[UUID]) -> None:
        """Once, before the first transaction: room for batches, and what these products cost."""
        self._connection.execute(PREPARE)
        self._connection.execute(GOODS, {**self._params, "products": products})
        self._connection.execute("ANALYZE seed_goods")
        self._connection.commit()

    def write(self, batches: Iterable[Drawn], done: int, total: int) -> int:
        """All batches in one transaction, there wholly or not at all; returns how many orders there are now."""
        load = self._load
        with self._connection.transaction(), self._connection.cursor() as cursor:
            there = cursor.execute(_THERE, (total,)).fetchone()
            assert there is not None
            with load.at_rest(cursor, TABLES, rebuild=there[0] < total) as rows:
                for batch in batches:
                    self._write(cursor, batch, rows)
                    done += len(batch.orders)
                    load.told("Orders", done, total)
                rows["stock_movements"] += cursor.execute(TAKE).rowcount
        return done

    def _write(self, cursor: psycopg.Cursor[Any], batch: Drawn, rows: Counter[str]) -> None:
        cursor.execute(EMPTY)
        with cursor.copy(_ORDERS) as copy:
            copy.set_types(["uuid", "uuid", "text", "text", "bytea", "bytea", "bytea", "text", "text"])
            for row in batch.orders:
                copy.write_row(row)
        with cursor.copy(_LINES) as copy:
            copy.set_types(["uuid", "uuid", "int4", "uuid", "int4"])
            for line in batch.lines:
                copy.write_row(line)
        for table, statement in BATCH:
            cursor.execute(statement, self._params)
            if table:
                rows[table] += cursor.rowcount
