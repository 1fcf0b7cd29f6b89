"""Trees and families keep their rules for raw SQL too."""

import threading
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation

from lex.core import ids
from tests.support.rows import Rows


def tree(rows: Rows, *slugs: str, table: str = "categories") -> list[Any]:
    """A chain of categories, each below the one before."""
    made: list[Any] = []
    for slug in slugs:
        made.append(rows.add(table, slug=slug, parent_id=made[-1] if made else None)["id"])
    return made


def paths(rows: Rows) -> list[str]:
    return rows.column("SELECT path FROM categories ORDER BY path")


def test_a_path_is_the_slugs_from_the_root(rows: Rows) -> None:
    tree(rows, "sports", "cycling", "wheels")
    assert paths(rows) == ["sports", "sports/cycling", "sports/cycling/wheels"]


def test_a_path_cannot_be_chosen(rows: Rows) -> None:
    tree(rows, "sports")
    rows.run("UPDATE categories SET path = 'elsewhere'")
    assert paths(rows) == ["sports"]


def test_renaming_and_moving_carries_the_branch_along(rows: Rows) -> None:
    _, cycling, _ = tree(rows, "sports", "cycling", "wheels")
    (hobby,) = tree(rows, "hobby")

    rows.run("UPDATE categories SET slug = 'bikes' WHERE id = %s", cycling)
    assert paths(rows) == ["hobby", "sports", "sports/bikes", "sports/bikes/wheels"]
    rows.run("UPDATE categories SET parent_id = %s WHERE id = %s", hobby, cycling)
    assert paths(rows) == ["hobby", "hobby/bikes", "hobby/bikes/wheels", "sports"]
    rows.run("UPDATE categories SET parent_id = NULL WHERE id = %s", cycling)
    assert paths(rows) == ["bikes", "bikes/wheels", "hobby", "sports"]


@pytest.mark.parametrize("table", ["categories", "service_categories"])
def test_a_category_cannot_stand_below_itself(rows: Rows, table: str) -> None:
    top, _, bottom = tree(rows, "sports", "cycling", "wheels", table=table)

    with pytest.raises(CheckViolation, match='category "sports" cannot stand below itself') as refused:
        rows.run(f"UPDATE {table} SET parent_id = %s WHERE id = %s", bottom, top)

    assert refused.value.diag.constraint_name == f"ck_{table}_cycle"
    assert refused.value.sqlstate == "23514"


def test_a_ring_in_one_insert_is_refused(rows: Rows) -> None:
    one, two = ids.new_id(), ids.new_id()
    with pytest.raises((CheckViolation, ForeignKeyViolation)):
        rows.run(
            "INSERT INTO categories (id, slug, name, parent_id) VALUES (%s, 'a', 'A', %s), (%s, 'b', 'B', %s)",
            *(one, two, two, one),
        )


def test_an_unknown_parent_is_named(rows: Rows) -> None:
    with pytest.raises(ForeignKeyViolation, match='the parent of category "lost" does not exist') as refused:
        rows.add("categories", slug="lost", parent_id=ids.new_id())
    assert refused.value.diag.constraint_name == "fk_categories_categories"


def test_two_moves_at_once_cannot_close_a_ring(own_rows: Rows, database_url: str) -> None:
    (left,) = tree(own_rows, "left")
    (right,) = tree(own_rows, "right")
    outcome: list[str] = []

    def move_right() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            try:
                other.execute("UPDATE categories SET parent_id = %s WHERE id = %s", (left, right))
                outcome.append("moved")
            except CheckViolation:
                outcome.append("refused")

    with own_rows.connection.transaction():
        own_rows.run("UPDATE categories SET parent_id = %s WHERE id = %s", right, left)
        mover = threading.Thread(target=move_right)
        mover.start()
        mover.join(0.3)
        assert mover.is_alive(), "the second move waits for the first"
    mover.join(10)

    assert outcome == ["refused"]


def family_of(rows: Rows) -> tuple[Any, Any, int]:
    row = rows.connection.execute(
        "SELECT price, compare_at_price, variant_count FROM products WHERE sku = 'FAMILY'"
    ).fetchone()
    assert row is not None
    return row["price"], row["compare_at_price"], row["variant_count"]


def test_a_family_shows_its_cheapest_variant(rows: Rows) -> None:
    family = rows.add("products", sku="FAMILY", price=99)["id"]
    small = rows.add("products", sku="S", variant_of=family, price=20, compare_at_price=25)["id"]
    assert family_of(rows) == (20, 25, 1)
    large = rows.add("products", sku="L", variant_of=family, price=30)["id"]
    assert family_of(rows) == (20, 25, 2)
    rows.run("UPDATE products SET price = 15 WHERE id = %s", large)
    assert family_of(rows) == (15, None, 2)
    rows.run("UPDATE products SET is_active = false WHERE id = %s", large)
    assert family_of(rows) == (20, 25, 2)
    rows.run("UPDATE products SET compare_at_price = 22 WHERE id = %s", small)
    assert family_of(rows) == (20, 22, 2)
    rows.run("UPDATE products SET deleted_at = now() WHERE id = %s", large)
    assert family_of(rows) == (20, 22, 1)
    rows.run("DELETE FROM products WHERE id = %s", small)
    assert family_of(rows) == (20, 22, 0), "without variants the last price stays"


def test_a_variant_that_changes_family_updates_both(rows: Rows) -> None:
    old = rows.add("products", sku="OLD", price=1)["id"]
    new = rows.add("products", sku="FAMILY", price=1)["id"]
    variant = rows.add("products", sku="V", variant_of=old, price=7)["id"]

    rows.run("UPDATE products SET variant_of = %s WHERE id = %s", new, variant)

    assert family_of(rows) == (7, None, 1)
    assert rows.one("SELECT variant_count FROM products WHERE sku = 'OLD'") == 0


def test_stock_changes_leave_the_family_row_alone(rows: Rows) -> None:
    family = rows.add("products", sku="FAMILY", price=99)["id"]
    variant = rows.add("products", sku="S", variant_of=family, price=20)["id"]
    version = rows.one("SELECT xmin::text FROM products WHERE id = %s", family)

    rows.run("UPDATE products SET stock_quantity = 5, reserved_quantity = 1 WHERE id = %s", variant)
    rows.run("UPDATE products SET price = 20 WHERE id = %s", variant)

    assert rows.one("SELECT xmin::text FROM products WHERE id = %s", family) == version


def test_families_have_one_level(rows: Rows) -> None:
    family = rows.add("products", sku="FAMILY")["id"]
    variant = rows.add("products", sku="S", variant_of=family)["id"]
    other = rows.add("products", sku="OTHER")["id"]

    with pytest.raises(CheckViolation, match='product "S" is itself a variant') as refused:
        rows.add("products", variant_of=variant)
    assert refused.value.diag.constraint_name == "ck_products_family"
    with pytest.raises(CheckViolation, match='product "FAMILY" has variants and cannot become a variant'):
        rows.run("UPDATE products SET variant_of = %s WHERE id = %s", other, family)


def test_overlapping_occupancies_of_a_resource_are_refused(rows: Rows) -> None:
    taken = rows.add("occupancies", status="confirmed")
    with pytest.raises(psycopg.errors.ExclusionViolation):
        rows.add("occupancies", status="pending", occupied=taken["occupied"])
    rows.add("occupancies", status="released", occupied=taken["occupied"])


def test_what_a_product_is_found_by_follows_its_texts_alone(rows: Rows) -> None:
    product = rows.add("products", name="Lamp", brand="Nord", description="Glows", tags=["warm"])
    found = "SELECT search FROM products WHERE id = %s"
    assert rows.one(found, product["id"]) == "'glow':4 'lamp':1A 'nord':2B 'warm':3B"
    version = "SELECT xmin::text FROM product_texts WHERE product_id = %s"
    before = rows.one(version, product["id"])
    rows.run("UPDATE products SET price = price + 1, stock_quantity = stock_quantity + 1")
    assert rows.one(version, product["id"]) == before
    rows.run("UPDATE products SET search = 'forged'")
    assert "forged" not in rows.one(found, product["id"])
    rows.run("UPDATE products SET name = 'Torch'")
    for table, key in (("products", "id"), ("product_texts", "product_id")):
        text = rows.one(f"SELECT search FROM {table} WHERE {key} = %s", product["id"])
        assert "'torch':1A" in text
        assert "lamp" not in text
