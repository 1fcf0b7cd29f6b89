"""Load a shop with invented products, buyers and past orders, to look at plans and pages with size. Never production.

What it leaves is what the shop's own flows would have left: sums, ledger, provider's books, stock and confirmations
agree. The same seed draws the same goods and orders; ids, keys and ciphertext are new each time.
How and how fast: docs/concepts/seeding.md.
"""

import random
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, LiteralString

import psycopg

from lex.core import clock
from lex.core.errors import Conflict, Invalid, Unavailable
from lex.core.settings import Settings
from lex.ops import partitions
from lex.ops.seeding import buyers, goods, orders
from lex.ops.seeding.at_rest import Load, Progress

MOST = 50_000_000
_TOGETHER = 1_000_000  # orders of a transaction

_THERE: LiteralString = """
SELECT (SELECT count(*) FROM products) AS products,
       (SELECT count(*) FROM (SELECT FROM orders LIMIT 1) o) AS orders,
       (SELECT count(*) FROM users) AS users,
       (SELECT coalesce(max(substring(slug FROM '^item-(\\d{1,9})$')::int), 0) FROM products) AS last_item
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to make. Orders are spread over the last `days`; without `buyers` every fiftieth order brings one, 5,000
    at most. `add` allows a shop that sells already."""

    products: int = 10_000
    orders: int = 20_000
    buyers: int | None = None
    days: int = 730
    seed: int = 1
    add: bool = False

    def check(self) -> None:
        """Raises `Invalid` naming what cannot be made."""
        for name, least, most in (("products", 0, MOST), ("orders", 0, MOST), ("days", 1, 3650), ("seed", 0, 2**31)):
            if not least <= getattr(self, name) <= most:
                raise Invalid(name, f"--{name} is {getattr(self, name)}; use {least} to {most}.")
        if self.buyers is not None and not 1 <= self.buyers <= MOST:
            raise Invalid("buyers", f"--buyers is {self.buyers}; use 1 to {MOST}.")

    @property
    def people(self) -> int:
        """How many buyers are made."""
        return self.buyers or min(max(self.orders // 50, 1), 5000)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was made."""

    products: int
    buyers: int
    orders: int


def seed(config: Settings, wish: Wish, told: Progress) -> Seeded:
    """Make it: the goods in one transaction, the orders in one a million. What an interruption leaves is whole, and
    `add` goes on from there.

    Raises `Conflict` in production, on a shop that is not empty unless `add` is wished, and where there is nothing to
    sell; `Invalid` for numbers that cannot be; `Unavailable` when the database is gone or a table is locked.
    """
    wish.check()
    if config.environment == "production":
        raise Conflict("Invented orders do not belong into a shop in production.", code="production")
    try:
        with psycopg.connect(config.database_url, connect_timeout=10) as connection:
            connection.execute("SELECT set_config('lock_timeout', '10s', false)")
            return _seed(connection, config, wish, told)
    except (psycopg.OperationalError, psycopg.errors.LockNotAvailable) as error:
        raise Unavailable(f"The database did not let the goods in: {error} Run it again with --add.") from error


def _seed(connection: psycopg.Connection[Any], config: Settings, wish: Wish, told: Progress) -> Seeded:
    there = connection.execute(_THERE).fetchone()
    assert there is not None
    if (there[0] or there[1]) and not wish.add:
        raise Conflict(
            "This shop has products or orders already. Give --add to put more into it, or another LEX_HOME.",
            code="not_empty",
        )
    dice, load = random.Random(f"{wish.seed}:{there[3]}"), Load(wish.seed, told)
    categories = goods.write_conditions(connection, config.country)
    connection.commit()
    listed = goods.invent(dice, categories, wish.products, there[3] + 1)
    made = goods.load(connection, load, listed, wish.products, there[0]) if wish.products else 0
    products = orders.list_on_sale(connection)
    if wish.orders and not products:
        raise Conflict("There is nothing to order; make --products too.", code="nothing_on_sale")
    people = buyers.invent(dice, wish.people if wish.orders else 0, config.country, first=there[2])
    buyers.write(connection, people)
    connection.commit()
    if wish.orders:
        _orders(connection, config, wish, (dice, people, products), load)
    told("Analysing", 0, 1)
    connection.execute("ANALYZE")
    connection.commit()
    told("Analysing", 1, 1)
    return Seeded(made, len(people), wish.orders)


def _orders(
    connection: psycopg.Connection[Any],
    config: Settings,
    wish: Wish,
    drawn: tuple[random.Random, list[buyers.Buyer], list[Any]],
    load: Load,
) -> None:
    end = clock.real_now()
    start = end - timedelta(days=wish.days)
    partitions.ensure_orders_since(config.database_url, start)
    writer, done = orders.Writer(connection, config, load), 0
    writer.prepare(drawn[2])
    batches = orders.drawn_ahead(orders.draw(*drawn, wish.orders, start, end))
    while done < wish.orders:
        done = writer.write(islice(batches, _TOGETHER // orders.SIZE), done, wish.orders)
