"""Verbs of products: create, change, delete. Stock is received by `stock.receive`, so that movements add up."""

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from lex.catalog import rules
from lex.catalog.drafts import ProductDraft
from lex.core import clock, ids, money
from lex.core.errors import Conflict, NotFound
from lex.core.settings import settings
from lex.core.texts import free_slug, make_slug
from lex.db import sql
from lex.db.session import Session

_INSERT: LiteralString = """
INSERT INTO products (
    id, variant_of, category_id, product_type, sku, slug, name, description, brand, price, compare_at_price, tax_class,
    track_inventory, "order", images, options, attributes, tags, weight_grams, barcode, is_active, is_featured,
    seo_title, seo_description, imported_from
) VALUES (
    %(id)s, %(variant_of)s, %(category_id)s, %(product_type)s, %(sku)s, %(slug)s, %(name)s, %(description)s, %(brand)s,
    %(price)s, %(compare_at_price)s, %(tax_class)s, %(track_inventory)s, %(order)s, %(images)s, %(options)s,
    %(attributes)s, %(tags)s, %(weight_grams)s, %(barcode)s, %(is_active)s, %(is_featured)s, %(seo_title)s,
    %(seo_description)s, %(imported_from)s
)
"""

# A family's prices are kept by a trigger, so its own are not compared. A row that is already so stays untouched.
_UPDATE: LiteralString = """
UPDATE products SET
    category_id = %(category_id)s, product_type = %(product_type)s::text, sku = %(sku)s, slug = %(slug)s::text,
    name = %(name)s, description = %(description)s, brand = %(brand)s,
    price = CASE WHEN variant_count = 0 THEN %(price)s::numeric ELSE price END,
    compare_at_price = CASE WHEN variant_count = 0 THEN %(compare_at_price)s::numeric ELSE compare_at_price END,
    tax_class = %(tax_class)s, track_inventory = %(track_inventory)s,
    "order" = %(order)s, images = %(images)s, options = %(options)s, attributes = %(attributes)s, tags = %(tags)s,
    weight_grams = %(weight_grams)s::integer, barcode = %(barcode)s, is_active = %(is_active)s,
    is_featured = %(is_featured)s, seo_title = %(seo_title)s, seo_description = %(seo_description)s,
    imported_from = %(imported_from)s
WHERE id = %(id)s AND deleted_at IS NULL AND (
    category_id, product_type, sku, slug, name, description, brand,
    CASE WHEN variant_count = 0 THEN price END, CASE WHEN variant_count = 0 THEN compare_at_price END, tax_class,
    track_inventory, "order", images, options, attributes, tags, weight_grams, barcode, is_active, is_featured,
    seo_title, seo_description, imported_from
) IS DISTINCT FROM (
    %(category_id)s::uuid, %(product_type)s::text, %(sku)s::text, %(slug)s::text, %(name)s::text,
    %(description)s::text, %(brand)s::text, CASE WHEN variant_count = 0 THEN %(price)s::numeric END,
    CASE WHEN variant_count = 0 THEN %(compare_at_price)s::numeric END, %(tax_class)s::text,
    %(track_inventory)s::boolean, %(order)s::integer,
    %(images)s::jsonb, %(options)s::jsonb, %(attributes)s::jsonb, %(tags)s::text[], %(weight_grams)s::integer,
    %(barcode)s::text, %(is_active)s::boolean, %(is_featured)s::boolean, %(seo_title)s::text,
    %(seo_description)s::text, %(imported_from)s::jsonb
)
"""

_TAKEN: LiteralString = "SELECT true FROM products WHERE slug = %(slug)s AND deleted_at IS NULL"

_SLUGS: LiteralString = """
SELECT slug FROM products WHERE deleted_at IS NULL AND (slug = %(slug)s OR slug LIKE %(slug)s || '-%%')
"""

_LOCK: LiteralString = """
SELECT id, reserved_quantity FROM products
WHERE (id = %(id)s OR variant_of = %(id)s) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""

_DELETE: LiteralString = """
UPDATE products SET deleted_at = %(now)s WHERE id = ANY(%(ids)s) AND deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class _Locked:
    id: UUID
    reserved_quantity: int


def _params(product_id: UUID, draft: ProductDraft) -> dict[str, Any]:
    """The columns of a draft; amounts leave minor units here and nowhere else."""
    currency = settings().currency
    compare = draft.compare_at_price
    values: dict[str, Any] = {name: getattr(draft, name) for name in ProductDraft.__slots__}
    values["options"] = draft.options or {}
    values |= {name: sql.json(values[name]) for name in ("images", "options", "attributes", "imported_from")}
    values |= {
        "id": product_id,
        "description": rules.clean_html(draft.description),
        "price": money.major(draft.price, currency),
        "compare_at_price": None if compare is None else money.major(compare, currency),
        "tags": list(draft.tags),
    }
    return values


async def create_product(session: Session, draft: ProductDraft) -> UUID:
    """A new product, family or variant, with nothing in stock.

    Raises `Invalid` with every bad field, `Conflict` (sku_taken, slug_taken) at the end of the transaction.
    """
    rules.check_product(draft)
    product_id = ids.new_id()
    params = _params(product_id, draft)
    params["slug"] = draft.slug or await _new_slug(session, draft.name)
    await sql.execute(session, _INSERT, **params)
    return product_id


async def _new_slug(session: Session, name: str) -> str:
    wanted = make_slug(name, "product")
    if not await sql.fetch_value(session, _TAKEN, slug=wanted):
        return wanted
    taken = await sql.fetch_all(session, _SLUGS, _Slug, slug=wanted)
    return free_slug(wanted, {row.slug for row in taken})


@dataclass(frozen=True, slots=True)
class _Slug:
    slug: str


async def change_product(session: Session, product_id: UUID, draft: ProductDraft) -> bool:
    """Make a product what the draft says; False when it already was: nothing is written then, nor audited.

    `variant_of` never changes and an empty `slug` is refused: links to a product must not move by accident.
    Raises as `create_product` does.
    """
    rules.check_product(draft)
    if not draft.slug:
        raise ValueError("a change names the slug")
    return await sql.execute(session, _UPDATE, **_params(product_id, draft)) == 1


async def delete_product(session: Session, product_id: UUID) -> None:
    """Hide a product, with its variants, from everywhere. Orders keep their snapshots.

    Raises `NotFound`, and `Conflict` while orders hold units of it.
    """
    rows = await sql.fetch_all(session, _LOCK, _Locked, id=product_id)
    if product_id not in {row.id for row in rows}:
        raise NotFound("There is no such product.", code="product_not_found")
    held = sum(row.reserved_quantity for row in rows)
    if held:
        raise Conflict(
            f"Orders hold {held} units of this product; wait until they are paid or expired, or take it off sale.",
            code="stock_reserved",
        )
    await sql.execute(session, _DELETE, ids=[row.id for row in rows], now=clock.real_now())
