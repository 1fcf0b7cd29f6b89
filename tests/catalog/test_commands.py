"""Verbs of the catalogue against the real database and its triggers."""

import hashlib
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from lex.adapters.files import Folder
from lex.catalog import categories, commands, files
from lex.catalog.drafts import CategoryDraft, ProductDraft
from lex.core import actor
from lex.core.errors import Conflict, Forbidden, Invalid, NotFound
from lex.db.session import Session, transact, transaction
from lex.flows.add_product import add_product
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")

DRAFT = ProductDraft(name="Brass bell", sku="BELL", slug="brass-bell", price=1900, tags=["b", "a"])


async def _change(product_id: UUID, draft: ProductDraft) -> bool:
    return await transact(goods.ACTOR, lambda session: commands.change_product(session, product_id, draft))


async def test_a_product_starts_with_movements_that_add_up() -> None:
    product_id = await goods.product("Bell", on_hand=7)
    assert await goods.value("SELECT stock_quantity FROM products WHERE id = %(id)s", id=product_id) == 7
    moved = "SELECT sum(on_hand_change) FROM stock_movements WHERE product_id = %(id)s"
    assert await goods.value(moved, id=product_id) == 7


async def test_the_same_draft_writes_nothing() -> None:
    product_id = await transact(goods.ACTOR, lambda session: commands.create_product(session, DRAFT))
    await goods.run("UPDATE products SET updated_at = updated_at")
    audited = await goods.value("SELECT count(*) FROM audit_logs")
    touched = await goods.value("SELECT updated_at FROM products WHERE id = %(id)s", id=product_id)
    assert await _change(product_id, DRAFT) is False
    assert await goods.value("SELECT count(*) FROM audit_logs") == audited
    assert await goods.value("SELECT updated_at FROM products WHERE id = %(id)s", id=product_id) == touched


CHANGES: list[dict[str, Any]] = [
    {"price": 1901},
    {"compare_at_price": 2500},
    {"tags": ["a", "b"]},
    {"images": [{"src": "https://x.example/a.jpg", "alt": ""}]},
    {"description": "<p>Ding</p>"},
    {"is_active": False},
    {"attributes": {"Note": "A"}},
    {"weight_grams": 60},
]


async def test_any_other_draft_is_a_change() -> None:
    product_id = await transact(goods.ACTOR, lambda session: commands.create_product(session, DRAFT))
    for change in CHANGES:
        draft = replace(DRAFT, **change)
        assert await _change(product_id, draft) is True, change
        assert await _change(product_id, draft) is False, change


async def test_slugs_are_made_unique() -> None:
    slug = "SELECT slug FROM products WHERE id = %(id)s"
    first, second = await goods.product("Bell", sku="1"), await goods.product("Bell", sku="2")
    assert [await goods.value(slug, id=product_id) for product_id in (first, second)] == ["bell", "bell-2"]


async def test_a_taken_sku_is_refused_by_name() -> None:
    await goods.product("Bell", sku="ONE")
    with pytest.raises(Conflict) as refused:
        await goods.product("Other", sku="ONE")
    assert refused.value.code == "sku_taken"


async def test_a_deleted_product_frees_its_sku_and_takes_its_variants_along() -> None:
    family_id = await goods.family("Jersey", {"S": (900, 1), "M": (1000, 1)}, sku="J")
    await transact(goods.ACTOR, lambda session: commands.delete_product(session, family_id))
    assert await goods.value("SELECT count(*) FROM products WHERE deleted_at IS NULL") == 0
    await goods.product("Jersey", sku="J")
    with pytest.raises(NotFound):
        await transact(goods.ACTOR, lambda session: commands.delete_product(session, family_id))


async def test_what_orders_hold_is_not_deleted() -> None:
    product_id = await goods.product("Bell", on_hand=2)
    await goods.tamper("UPDATE products SET reserved_quantity = 1 WHERE id = %(id)s", id=product_id)
    with pytest.raises(Conflict, match="Orders hold 1 units"):
        await transact(goods.ACTOR, lambda session: commands.delete_product(session, product_id))


async def test_only_staff_adds_products() -> None:
    with pytest.raises(Forbidden):
        async with transaction(actor.guest()) as session:
            await add_product(session, actor.guest(), DRAFT)


async def test_a_path_of_categories_is_made_once() -> None:
    async def work(session: Session) -> tuple[UUID | None, list[str]]:
        return await categories.ensure_path(session, ["Clothing", "Jerseys"])

    first, made = await transact(goods.ACTOR, work)
    assert made == ["Clothing", "Clothing > Jerseys"]
    assert await transact(goods.ACTOR, work) == (first, [])
    assert await goods.value("SELECT path FROM categories WHERE id = %(id)s", id=first) == "clothing/jerseys"


async def test_a_category_cannot_stand_below_itself() -> None:
    async def make(session: Session) -> tuple[UUID, UUID]:
        top = await categories.create_category(session, CategoryDraft(name="Top"))
        return top, await categories.create_category(session, CategoryDraft(name="Below", parent_id=top))

    top, below = await transact(goods.ACTOR, make)
    draft = CategoryDraft(name="Top", slug="top", parent_id=below)
    with pytest.raises(Invalid) as refused:
        await transact(goods.ACTOR, lambda session: categories.change_category(session, top, draft))
    assert refused.value.errors[0].field == "parent_id"
    with pytest.raises(Invalid, match="no such category"):
        await transact(
            goods.ACTOR,
            lambda session: categories.create_category(session, CategoryDraft(name="X", parent_id=uuid4())),
        )


async def test_a_category_in_use_stays() -> None:
    await goods.product("Bell", category="Parts")
    category_id = await goods.value("SELECT id FROM categories")
    with pytest.raises(Conflict, match="1 products"):
        await transact(goods.ACTOR, lambda session: categories.delete_category(session, category_id))


async def test_moving_a_category_moves_the_paths_below() -> None:
    await goods.product("Bell", category="A > B > C")
    b = await goods.value("SELECT id FROM categories WHERE slug = 'b'")
    moved = CategoryDraft(name="B", slug="bb")
    assert await transact(goods.ACTOR, lambda session: categories.change_category(session, b, moved))
    assert await goods.value("SELECT path FROM categories WHERE slug = 'c'") == "bb/c"


async def test_files_stand_only_with_digital_goods(tmp_path: object) -> None:
    shelf = Folder(tmp_path)  # type: ignore[arg-type]
    data = b"%PDF-1.4"
    file = await files.put_file(shelf, "plan.pdf", data, "application/pdf")
    digital = await goods.product("Plan", product_type="digital")
    await transact(goods.ACTOR, lambda session: files.add_file(session, digital, file, data))
    listed = await transact(goods.ACTOR, lambda session: files.list_files(session, digital))
    assert [(one.name, one.size_bytes) for one in listed] == [("plan.pdf", len(data))]
    assert await goods.value("SELECT sha256 FROM digital_files") == hashlib.sha256(data).digest()
    assert await shelf.get(file.storage_key) == data
    bell = await goods.product("Bell")
    with pytest.raises(Invalid, match="Only a digital product"):
        await transact(goods.ACTOR, lambda session: files.add_file(session, bell, file, data))
    with pytest.raises(Invalid):
        await files.put_file(shelf, "../plan.pdf", data, "application/pdf")
