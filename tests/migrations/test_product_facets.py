"""What lists count by and what words find follow the products, whoever changes them and however many at once."""

import random
import threading

import psycopg

from tests.support.invariants import INVARIANTS
from tests.support.rows import Rows

_FACETS = INVARIANTS["facets: what lists count by is not what the products are"]
_TEXTS = INVARIANTS["texts: what words find is not what lists show"]
#: Each of some products drawn by chance.
_SOME = "WHERE id IN (SELECT id FROM products ORDER BY md5(id::text || %s) LIMIT 4)"
_ALONE = "NOT EXISTS (SELECT FROM products v WHERE v.variant_of = products.id)"
_CHANGES = (
    "UPDATE products SET is_active = NOT is_active",
    "UPDATE products SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END",
    'UPDATE products SET price = price + 1, compare_at_price = 20, options = \'{"Size": "M"}\'',
    "UPDATE products SET category_id = NULL, brand = 'Loom', rating_average = 3.7",
    "UPDATE products SET stock_quantity = 3 - stock_quantity",
    "UPDATE products SET track_inventory = NOT track_inventory",
    "UPDATE products SET name = name || ' again', description = 'Waxed'",
    "DELETE FROM products",
)


def shown(rows: Rows) -> set[str]:
    return set(rows.column("SELECT sku FROM product_facets JOIN products ON id = product_id WHERE is_shown"))


def drift(rows: Rows) -> list[object]:
    return [row for check in (_FACETS, _TEXTS) for row in rows.connection.execute(check).fetchall()]


def test_any_change_is_carried_over(rows: Rows) -> None:
    dice = random.Random(18)
    for number in range(60):
        family = rows.add("products", sku=f"F{number}", stock_quantity=3)["id"]
        for size in range(dice.randrange(3)):
            rows.add("products", sku=f"F{number}-{size}", variant_of=family, stock_quantity=dice.choice((0, 3)))
        rows.run(f"{dice.choice(_CHANGES)} {_SOME} AND {_ALONE}", str(number))
        rows.run(f"UPDATE products SET variant_of = NULL {_SOME} AND variant_of IS NOT NULL", f"alone {number}")
        assert drift(rows) == [], number
    rows.run("UPDATE products SET is_active = false WHERE variant_of IS NOT NULL")
    assert drift(rows) == []
    assert rows.one("SELECT count(*) FROM product_facets WHERE is_family AND NOT is_shown") > 0


def test_a_family_is_shown_while_one_of_its_variants_is_offered(rows: Rows) -> None:
    family = rows.add("products", sku="FAMILY")["id"]
    small, large = (rows.add("products", sku=sku, variant_of=family)["id"] for sku in ("S", "L"))
    assert shown(rows) == {"FAMILY"}
    rows.run("UPDATE products SET is_active = false WHERE id = %s", small)
    assert shown(rows) == {"FAMILY"}
    rows.run("UPDATE products SET is_active = false WHERE id = %s", large)
    assert shown(rows) == set()
    rows.run("UPDATE products SET variant_of = NULL, is_active = true WHERE id = %s", large)
    assert shown(rows) == {"L"}
    rows.run("DELETE FROM products WHERE id = %s", small)
    assert shown(rows) == {"FAMILY", "L"}, "it is a product of its own again"


def test_siblings_that_leave_at_once_take_the_family_along(own_rows: Rows, database_url: str) -> None:
    family = own_rows.add("products", sku="FAMILY")["id"]
    small, large = (own_rows.add("products", sku=sku, variant_of=family)["id"] for sku in ("S", "L"))

    def leave() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("UPDATE products SET is_active = false WHERE id = %s", (large,))

    with own_rows.connection.transaction():
        own_rows.run("UPDATE products SET is_active = false WHERE id = %s", small)
        leaving = threading.Thread(target=leave)
        leaving.start()
        leaving.join(0.3)
        assert leaving.is_alive(), "the second waits for the first"
    leaving.join(10)

    assert shown(own_rows) == set()
    assert drift(own_rows) == []


def test_a_sale_writes_nothing_until_the_last_unit(rows: Rows) -> None:
    rows.add("products", stock_quantity=2)
    version = rows.one("SELECT xmin::text || ctid::text FROM product_facets")
    rows.run("UPDATE products SET stock_quantity = 1")
    assert rows.one("SELECT xmin::text || ctid::text FROM product_facets") == version
    rows.run("UPDATE products SET stock_quantity = 0")
    assert rows.one("SELECT is_available FROM product_facets") is False
