"""What a product cost and when is kept for raw SQL too, and a reduction tells the lowest price before it."""

import threading
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.errors import RestrictViolation

from tests.support.rows import Rows

HISTORY = "SELECT price::text FROM product_prices WHERE product_id = %s ORDER BY valid_from"
LOWEST = "SELECT lowest_price_30_days FROM products WHERE id = %s"


def age(rows: Rows, product: Any, *days: int) -> None:
    """Make the rows of a history begin that many days ago, oldest first."""
    rows.run("ALTER TABLE product_prices DISABLE TRIGGER tr_product_prices_change")
    rows.run(
        """
        UPDATE product_prices h SET valid_from = aged.begun, valid_to = aged.ended FROM (
            SELECT valid_from, now() - make_interval(days => d.days) AS begun,
                   lead(now() - make_interval(days => d.days)) OVER (ORDER BY valid_from) AS ended
            FROM (SELECT valid_from, row_number() OVER (ORDER BY valid_from) AS place
                  FROM product_prices WHERE product_id = %s) numbered
            JOIN unnest(%s::int[]) WITH ORDINALITY AS d (days, place) USING (place)
        ) aged WHERE h.product_id = %s AND h.valid_from = aged.valid_from
        """,
        product,
        list(days),
        product,
    )
    rows.run("ALTER TABLE product_prices ENABLE ALWAYS TRIGGER tr_product_prices_change")


def price(rows: Rows, product: Any, amount: int, compare: int | None = None) -> None:
    rows.run("UPDATE products SET price = %s, compare_at_price = %s WHERE id = %s", amount, compare, product)


def test_every_price_is_kept_with_its_time(own_rows: Rows) -> None:
    product = own_rows.add("products", price=99)["id"]
    price(own_rows, product, 79)
    price(own_rows, product, 89)
    assert own_rows.column(HISTORY, product) == ["99.00", "79.00", "89.00"]
    gaps = own_rows.one(
        """
        SELECT count(*) FROM (SELECT valid_to, lead(valid_from) OVER (ORDER BY valid_from) AS next
            FROM product_prices WHERE product_id = %s) h WHERE valid_to IS DISTINCT FROM next
        """,
        product,
    )
    assert gaps == 0


def test_what_a_transaction_takes_back_was_never_a_price(own_rows: Rows) -> None:
    product = own_rows.add("products", price=99)["id"]
    with own_rows.connection.transaction():
        for amount in (1, 2, 79):
            price(own_rows, product, amount, 99)
    assert own_rows.column(HISTORY, product) == ["99.00", "79.00"]
    assert own_rows.one(LOWEST, product) == 99


def test_a_transaction_that_began_earlier_hides_no_price(own_rows: Rows, database_url: str) -> None:
    product = own_rows.add("products", price=99)["id"]
    with psycopg.connect(database_url) as early:
        early.execute("SELECT now()")
        price(own_rows, product, 50)
        early.execute("UPDATE products SET price = 79 WHERE id = %s", (product,))
    assert own_rows.column(HISTORY, product) == ["99.00", "50.00", "79.00"]


def test_two_transactions_of_one_microsecond_keep_a_price_each(own_rows: Rows, database_url: str) -> None:
    product = own_rows.add("products", price=99)["id"]
    price(own_rows, product, 50, 99)
    with psycopg.connect(database_url) as twin:
        begun = twin.execute("SELECT now()").fetchone()
        own_rows.run("ALTER TABLE product_prices DISABLE TRIGGER tr_product_prices_change")
        own_rows.run("UPDATE product_prices SET valid_to = %s WHERE valid_to IS NOT NULL", *(begun or ()))
        own_rows.run("UPDATE product_prices SET valid_from = %s WHERE valid_to IS NULL", *(begun or ()))
        own_rows.run("ALTER TABLE product_prices ENABLE ALWAYS TRIGGER tr_product_prices_change")
        for amount in (1, 79):
            twin.execute("UPDATE products SET price = %s WHERE id = %s", (amount, product))
    assert own_rows.column(HISTORY, product) == ["99.00", "50.00", "79.00"]
    assert own_rows.one(LOWEST, product) == 50


def test_two_writers_at_once_leave_one_open_price(own_rows: Rows, database_url: str) -> None:
    product = own_rows.add("products", price=99)["id"]

    def write(amounts: range) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for amount in amounts:
                connection.execute("UPDATE products SET price = %s WHERE id = %s", (amount, product))

    writers = [threading.Thread(target=write, args=(range(n, n + 20),)) for n in (100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    history = own_rows.column(HISTORY, product)
    assert len(history) == 41
    now = own_rows.one("SELECT price::text FROM products WHERE id = %s", product)
    assert own_rows.column("SELECT price::text FROM product_prices WHERE valid_to IS NULL") == [now]


def test_stock_and_names_touch_no_history(own_rows: Rows) -> None:
    product = own_rows.add("products", price=99, stock_quantity=9)["id"]
    before = own_rows.column("SELECT xmin::text FROM product_prices")
    own_rows.run("UPDATE products SET stock_quantity = 5, reserved_quantity = 2, name = 'Other', price = price")
    assert own_rows.column("SELECT xmin::text FROM product_prices") == before
    assert own_rows.column(HISTORY, product) == ["99.00"]


@pytest.mark.parametrize(
    ("prices", "days", "lowest"),
    [
        ([(99, None), (79, 99)], [200, 0], 99),
        ([(99, None), (60, None), (99, None), (79, 99)], [200, 50, 40, 0], 99),
        ([(99, None), (60, None), (99, None), (79, 99)], [200, 50, 20, 0], 60),
        ([(99, None), (60, None), (99, None), (79, 99)], [200, 31, 30, 0], 99),
        ([(79, None)], [200], 79),
    ],
    ids=["plain", "cheaper long ago", "cheaper of late", "cheaper until 30 days ago", "dearer in words only"],
)
def test_a_reduction_tells_the_lowest_price_of_the_30_days_before_it(
    own_rows: Rows, prices: list[tuple[int, int | None]], days: list[int], lowest: int
) -> None:
    product = own_rows.add("products", price=prices[0][0])["id"]
    for amount, compare in prices[1:-1]:
        price(own_rows, product, amount, compare)
    age(own_rows, product, *(days[:-1] if len(days) > 1 else days))
    price(own_rows, product, prices[-1][0], 99)
    assert own_rows.one(LOWEST, product) == lowest


def test_it_stays_while_the_reduction_lasts_and_goes_with_it(own_rows: Rows) -> None:
    product = own_rows.add("products", price=99)["id"]
    price(own_rows, product, 79, 99)
    age(own_rows, product, 300, 90)
    own_rows.run("UPDATE products SET name = 'Other', price = price, compare_at_price = compare_at_price")
    assert own_rows.one(LOWEST, product) == 99
    price(own_rows, product, 69, 99)
    assert own_rows.one(LOWEST, product) == 79
    price(own_rows, product, 69, None)
    assert own_rows.one(LOWEST, product) is None


def test_a_new_product_has_nothing_to_tell(own_rows: Rows) -> None:
    product = own_rows.add("products", price=79, compare_at_price=99, lowest_price_30_days=5)["id"]
    assert own_rows.one(LOWEST, product) is None


def test_nobody_chooses_it(own_rows: Rows) -> None:
    product = own_rows.add("products", price=99)["id"]
    price(own_rows, product, 79, 99)
    own_rows.run("UPDATE products SET lowest_price_30_days = 500")
    assert own_rows.one(LOWEST, product) == 99


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE product_prices SET price = 500",
        "DELETE FROM product_prices",
        "INSERT INTO product_prices (product_id, price, valid_from) SELECT id, 500, now() FROM products",
    ],
)
def test_the_history_is_written_by_the_products_alone(rows: Rows, statement: str) -> None:
    rows.add("products", price=99)
    with pytest.raises(RestrictViolation, match="the history follows the products"):
        rows.run(statement)


def test_a_family_tells_what_its_cheapest_variant_does(own_rows: Rows) -> None:
    family = own_rows.add("products", price=1)["id"]
    small, large = (own_rows.add("products", price=amount, variant_of=family)["id"] for amount in (99, 120))
    price(own_rows, small, 79, 99)
    assert own_rows.one(LOWEST, family) == Decimal(99)
    own_rows.run("UPDATE products SET lowest_price_30_days = 500 WHERE id = %s", family)
    assert own_rows.one(LOWEST, family) == Decimal(99)
    price(own_rows, large, 70, 120)
    assert own_rows.one(LOWEST, family) == Decimal(120)
    own_rows.run("UPDATE products SET is_active = false WHERE id = %s", large)
    assert own_rows.one(LOWEST, family) == Decimal(99)
    assert own_rows.column(HISTORY, family)[-1] == "79.00"


def test_many_products_of_one_statement_begin_their_histories(own_rows: Rows) -> None:
    family = own_rows.add("products", price=1)
    own_rows.run(
        """
        WITH fresh AS (SELECT uuid_v7() AS id)
        INSERT INTO products (id, variant_of, sku, slug, name, price)
        SELECT id, NULL::uuid, 'f', 'f', 'f', 50 FROM fresh
        UNION ALL SELECT uuid_v7(), id, 'v', 'v', 'v', 40 FROM fresh
        """
    )
    told = own_rows.column("SELECT price::text FROM product_prices WHERE product_id <> %s ORDER BY price", family["id"])
    assert told == ["40.00", "40.00"]


def test_a_product_that_goes_takes_its_history_along(own_rows: Rows) -> None:
    own_rows.add("products", price=99)
    own_rows.run("DELETE FROM products")
    assert own_rows.one("SELECT count(*) FROM product_prices") == 0
