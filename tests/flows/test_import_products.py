"""Importing product files: what comes in, what is told, and that twice changes nothing."""

import os
from pathlib import Path
from typing import Any

import pytest

from lex.core import actor
from lex.core.errors import Forbidden
from lex.db import session as db
from lex.flows.import_products import import_products
from lex.stock import commands as stock
from tests.support import goods
from tests.support.product_files import SAMPLES, bring, cells, export, outcome, shopify, told

pytestmark = pytest.mark.usefixtures("database")

TEE = [
    {"Handle": "tee", "Title": "Tee", "Option1 Name": "Size", "Option1 Value": "S", "Variant SKU": "TEE-S"},
    {"Handle": "tee", "Option1 Value": "M", "Variant SKU": "TEE-M", "Variant Price": "12"},
]


async def _facts() -> tuple[Any, ...]:
    statement = """SELECT ARRAY[(SELECT count(*) FROM audit_logs), (SELECT count(*) FROM stock_movements),
        (SELECT count(*) FROM products), (SELECT extract(epoch FROM max(updated_at))::bigint FROM products)]::text"""
    return (await goods.value(statement),)


@pytest.mark.parametrize(("name", "products"), [("shopify", 7), ("woocommerce", 4)])
async def test_our_samples_come_in_once_and_go_out_the_same(name: str, products: int) -> None:
    path = SAMPLES / f"{name}-products.csv"
    dry = await bring(path, dry_run=True)
    assert (outcome(dry), await goods.value("SELECT count(*) FROM products")) == ({"created": products}, 0)
    assert await goods.value("SELECT count(*) FROM categories") == 0
    assert outcome(await bring(path)) == {"created": products}
    facts = await _facts()
    assert outcome(await bring(path)) == {"unchanged": products}
    assert await _facts() == facts
    exported = cells(await export(name))
    original = cells(path.read_text("utf-8"))
    key = "Handle" if name == "shopify" else "SKU"
    assert sorted(exported, key=lambda row: row.get(key, "")) == sorted(original, key=lambda row: row.get(key, ""))
    assert await db.transact(goods.ACTOR, stock.verify) == []


@pytest.mark.skipif("LEX_SAMPLES" not in os.environ, reason="LEX_SAMPLES names no folder with shopify-apparel.csv")
async def test_a_real_export_comes_back_row_by_row() -> None:
    path = Path(os.environ["LEX_SAMPLES"]) / "shopify-apparel.csv"
    assert outcome(await bring(path)) == {"created": 20}
    assert outcome(await bring(path)) == {"unchanged": 20}
    assert cells(await export()) == cells(path.read_text("utf-8"))


async def test_variants_stand_in_a_family(tmp_path: Path) -> None:
    await bring(tmp_path / "a.csv", shopify(*TEE))
    family = "SELECT variant_count || ' ' || price || ' ' || slug FROM products WHERE variant_of IS NULL"
    assert await goods.value(family) == "2 10.00 tee"
    variants = (
        "SELECT string_agg(slug || ' ' || sku, ', ' ORDER BY \"order\") FROM products WHERE variant_of IS NOT NULL"
    )
    assert await goods.value(variants) == "tee-s TEE-S, tee-m TEE-M"


async def test_blank_skus_are_made_of_handle_and_options(tmp_path: Path) -> None:
    rows = [{**row, "Variant SKU": ""} for row in TEE]
    assert outcome(await bring(tmp_path / "a.csv", shopify(*rows))) == {"created": 1}
    assert await goods.value("SELECT string_agg(sku, ' ' ORDER BY sku) FROM products") == "TEE+ TEE-M TEE-S"
    assert all("Variant SKU" not in row for row in cells(await export()))


@pytest.mark.parametrize(
    ("row", "tracked", "on_hand"),
    [
        ({"Variant Inventory Tracker": "", "Variant Inventory Qty": "9"}, False, 0),
        ({"Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "9"}, True, 9),
        (
            {
                "Variant Inventory Tracker": "shopify",
                "Variant Inventory Qty": "9",
                "Variant Inventory Policy": "continue",
            },
            False,
            0,
        ),
        ({"Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "-4"}, True, 0),
    ],
)
async def test_stock_is_tracked_as_the_file_says(
    tmp_path: Path, row: dict[str, str], tracked: bool, on_hand: int
) -> None:
    text = shopify({"Handle": "bell", "Title": "Bell", **row})
    assert outcome(await bring(tmp_path / "a.csv", text)) == {"created": 1}
    assert await goods.value("SELECT ARRAY[track_inventory::int, stock_quantity] FROM products") == [tracked, on_hand]
    assert cells(await export())[0].get("Variant Inventory Qty") == row["Variant Inventory Qty"]


async def test_sales_are_not_undone_by_the_same_file(tmp_path: Path) -> None:
    bell = {"Handle": "bell", "Title": "Bell", "Variant Inventory Tracker": "shopify"}
    text = shopify({**bell, "Variant Inventory Qty": "10"})
    await bring(tmp_path / "a.csv", text)
    bell_id = await goods.value("SELECT id FROM products")
    await db.transact(goods.ACTOR, lambda session: stock.adjust(session, bell_id, 7, "sold at the counter"))
    assert outcome(await bring(tmp_path / "a.csv")) == {"unchanged": 1}
    assert await goods.value("SELECT stock_quantity FROM products") == 7
    assert cells(await export())[0]["Variant Inventory Qty"] == "7"
    assert outcome(await bring(tmp_path / "a.csv", shopify({**bell, "Variant Inventory Qty": "12"}))) == {"updated": 1}
    assert await goods.value("SELECT stock_quantity FROM products") == 12
    assert await db.transact(goods.ACTOR, stock.verify) == []


async def test_a_changed_file_changes_only_what_it_says(tmp_path: Path) -> None:
    bell = {"Handle": "bell", "Title": "Bell", "Tags": "a, b"}
    await bring(tmp_path / "a.csv", shopify(bell, {"Handle": "lamp", "Title": "Lamp"}))
    await goods.run('UPDATE products SET is_featured = true, attributes = \'{"Note": "ours"}\'')
    text = shopify({**bell, "Variant Price": "11"}, {"Handle": "lamp", "Title": "Lamp"})
    assert outcome(await bring(tmp_path / "a.csv", text)) == {"updated": 1, "unchanged": 1}
    kept = "SELECT price || ' ' || is_featured || ' ' || (attributes ->> 'Note') FROM products WHERE slug = 'bell'"
    assert await goods.value(kept) == "11.00 true ours"


async def test_what_the_shop_changed_since_is_exported(tmp_path: Path) -> None:
    await bring(tmp_path / "a.csv", shopify({"Handle": "bell", "Title": "Bell", "Variant Price": "10", "X": "kept"}))
    assert cells(await export())[0]["Variant Price"] == "10"
    await goods.run("UPDATE products SET price = 12, is_active = false")
    row = cells(await export())[0]
    assert (row["Variant Price"], row["Published"], row["X"]) == ("12.00", "false", "kept")


async def test_a_broken_variant_is_told_and_the_others_come_in(tmp_path: Path) -> None:
    broken = [{**TEE[0]}, {**TEE[1], "Variant Price": "ten"}]
    report = await bring(tmp_path / "a.csv", shopify(*broken))
    assert (outcome(report), told(report)) == ({"created": 1}, [(3, "Variant Price")])
    assert await goods.value("SELECT count(*) FROM products WHERE variant_of IS NOT NULL") == 1
    assert outcome(await bring(tmp_path / "a.csv", shopify(*TEE))) == {"updated": 1}
    report = await bring(tmp_path / "a.csv", shopify(*broken))  # the shop's own M stays
    assert await goods.value("SELECT count(*) FROM products WHERE deleted_at IS NULL AND sku = 'TEE-M'") == 1


async def test_a_product_may_gain_and_lose_variants(tmp_path: Path) -> None:
    simple = {"Handle": "tee", "Title": "Tee", "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "3"}
    await bring(tmp_path / "a.csv", shopify(simple))
    assert outcome(await bring(tmp_path / "a.csv", shopify(*TEE))) == {"updated": 1}
    assert await goods.value("SELECT stock_quantity FROM products WHERE variant_of IS NULL") == 0
    assert outcome(await bring(tmp_path / "a.csv", shopify(*TEE))) == {"unchanged": 1}
    assert outcome(await bring(tmp_path / "a.csv", shopify(simple))) == {"updated": 1}
    living = "SELECT count(*) || ' ' || sum(stock_quantity) FROM products WHERE deleted_at IS NULL"
    assert await goods.value(living) == "1 3"
    assert await db.transact(goods.ACTOR, stock.verify) == []


async def test_held_units_stop_such_a_change(tmp_path: Path) -> None:
    simple = {"Handle": "tee", "Title": "Tee", "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "3"}
    await bring(tmp_path / "a.csv", shopify(simple))
    await goods.tamper("UPDATE products SET reserved_quantity = 1")
    report = await bring(tmp_path / "a.csv", shopify(*TEE))
    assert outcome(report) == {"refused": 1}
    assert "Orders hold 1 units" in report.problems.listed[0].message
    report = await bring(tmp_path / "a.csv", shopify({**simple, "Variant Inventory Qty": "0"}))
    assert outcome(report) == {"refused": 1}
    assert await goods.value("SELECT count(*) || ' ' || sum(stock_quantity) FROM products") == "1 3"


async def test_a_sku_of_another_product_is_refused_by_line(tmp_path: Path) -> None:
    await goods.product("Other", sku="TEE-M")
    report = await bring(tmp_path / "a.csv", shopify(*TEE))
    assert (outcome(report), told(report)) == ({"created": 1}, [(3, "Variant SKU")])
    assert "(other)" in report.problems.listed[0].message


async def test_several_pictures_keep_their_order_and_words(tmp_path: Path) -> None:
    rows = [
        {"Handle": "a", "Title": "A", "Image Src": "https://x.example/2.jpg", "Image Position": "2"},
        {"Handle": "a", "Image Src": "https://x.example/1.jpg", "Image Position": "1", "Image Alt Text": "Front"},
    ]
    text = shopify(rows[0], {**rows[1], "Variant Price": "", "Published": ""})
    assert outcome(await bring(tmp_path / "a.csv", text)) == {"created": 1}
    images = await goods.value("SELECT images FROM products")
    assert [(image["src"][-5:], image["alt"]) for image in images] == [("1.jpg", "Front"), ("2.jpg", "")]
    once = await export()
    await goods.run("UPDATE products SET deleted_at = now()")
    assert outcome(await bring(tmp_path / "b.csv", once)) == {"created": 1}
    assert cells(await export()) == cells(once)


async def test_gift_cards_come_in_off_sale(tmp_path: Path) -> None:
    report = await bring(tmp_path / "a.csv", shopify({"Handle": "g", "Title": "Gift", "Gift Card": "true"}))
    assert [problem.column for problem, _ in report.problems.first_notes()] == ["Gift Card"]
    assert await goods.value("SELECT is_active FROM products") is False


async def test_only_who_may_write_the_catalogue_imports(tmp_path: Path) -> None:
    with pytest.raises(Forbidden):
        await import_products(tmp_path / "a.csv", actor.guest())


async def test_the_demo_goes_out_and_comes_into_an_empty_shop_unchanged(tmp_path: Path) -> None:
    await goods.family("Jersey", {"S": (8900, 2), "M": (8900, 0)}, category="Clothing > Jerseys", brand="Loom")
    await goods.product("Rags & “more”", price=450, track_inventory=False, tags=["a, b", "c"], is_featured=True)
    await goods.product("=cmd()", sku="-1+1", price=100, description="<p>x</p>", seo_title="@seo")
    for form in ("shopify", "woocommerce"):
        text = await export(form)
        await goods.run("UPDATE products SET deleted_at = now() WHERE deleted_at IS NULL")
        assert outcome(await bring(tmp_path / form, text)) == {"created": 3}, form
        assert cells(await export(form)) == cells(text), form
        assert outcome(await bring(tmp_path / form)) == {"unchanged": 3}, form
