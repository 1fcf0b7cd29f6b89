"""`lex export products`: the catalogue as the CSV of Shopify or WooCommerce, row by row, in the order it was made.

What an imported file said is written back in its own words where the shop still says the same
(`product_csv/memory`); columns Lex does not know follow behind the known ones.
"""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from types import ModuleType
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.audit import commands as audit
from lex.catalog.pictures import origin
from lex.core import ids, money
from lex.core.actor import Actor
from lex.core.errors import Invalid
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import Session, transaction
from lex.flows.product_csv.family import Family, Item, Memory
from lex.flows.product_csv.memory import Written, recalled
from lex.flows.product_csv.plan import FORMATS
from lex.flows.product_csv.source import write_row
from lex.identity.policy import Permission, demand

_PAGE = 200

_COUNT: LiteralString = "SELECT count(*) FROM products WHERE variant_of IS NULL AND deleted_at IS NULL"

_EXTRA: LiteralString = """
SELECT DISTINCT cell.key AS name FROM products p
CROSS JOIN LATERAL jsonb_each(p.imported_from -> %(format)s) part
CROSS JOIN LATERAL jsonb_each(
    CASE WHEN part.key IN ('cells', 'item') THEN part.value ELSE '{}' END
) cell
WHERE p.deleted_at IS NULL AND cell.value ->> 1 <> ''
UNION
SELECT DISTINCT cell.key FROM products p
CROSS JOIN LATERAL jsonb_each(p.imported_from -> %(format)s -> 'images') image
CROSS JOIN LATERAL jsonb_each(image.value) cell
WHERE p.deleted_at IS NULL AND cell.value ->> 1 <> ''
"""

_ATTRIBUTES: LiteralString = """
SELECT coalesce(max(
    CASE WHEN jsonb_typeof(options) = 'array' THEN jsonb_array_length(options) ELSE 0 END
    + (SELECT count(*) FROM jsonb_object_keys(attributes))), 0)::int
FROM products WHERE variant_of IS NULL AND deleted_at IS NULL
"""

_ROW: LiteralString = """
    'sku', p.sku, 'price', p.price::text, 'compare_at_price', p.compare_at_price::text,
    'track_inventory', p.track_inventory, 'quantity', p.stock_quantity, 'weight_grams', p.weight_grams,
    'barcode', p.barcode, 'tax_class', p.tax_class, 'product_type', p.product_type, 'images', p.images,
    'options', p.options, 'is_active', p.is_active, 'imported_from', coalesce(p.imported_from -> %(format)s, '{}')"""

_FAMILIES: LiteralString = f"""
SELECT json_agg(json_build_object({_ROW},
    'id', p.id, 'slug', p.slug, 'name', p.name, 'description', p.description, 'brand', p.brand, 'tags', p.tags,
    'is_featured', p.is_featured, 'order', p."order", 'attributes', p.attributes, 'seo_title', p.seo_title,
    'seo_description', p.seo_description,
    'category', coalesce((
        WITH RECURSIVE line AS (
            SELECT parent_id, name, 1 AS steps FROM categories WHERE id = p.category_id AND deleted_at IS NULL
            UNION ALL
            SELECT c.parent_id, c.name, steps + 1 FROM line JOIN categories c ON c.id = line.parent_id
        ) SELECT json_agg(name ORDER BY steps DESC) FROM line), '[]'),
    'variants', coalesce((
        SELECT json_agg(json_build_object({_ROW}) ORDER BY p."order", p.id) FROM products p
        WHERE p.variant_of = page.id AND p.deleted_at IS NULL), '[]')
) ORDER BY p.id)::text
FROM (SELECT id FROM products WHERE variant_of IS NULL AND deleted_at IS NULL AND id > %(after)s
      ORDER BY id LIMIT %(limit)s) page
JOIN products p ON p.id = page.id
"""


class _Sold(msgspec.Struct, kw_only=True):
    sku: str
    price: Decimal
    compare_at_price: Decimal | None
    track_inventory: bool
    quantity: int
    weight_grams: int | None
    barcode: str | None
    tax_class: str
    product_type: str
    images: list[dict[str, Any]]
    options: Any
    is_active: bool
    imported_from: dict[str, Any]


class _Product(_Sold, kw_only=True):
    id: UUID
    slug: str
    name: str
    description: str | None
    brand: str | None
    tags: list[str]
    is_featured: bool
    order: int
    attributes: dict[str, Any]
    seo_title: str | None
    seo_description: str | None
    category: list[str]
    variants: list[_Sold]


class _Column(msgspec.Struct):
    name: str


async def export_products(
    actor: Actor, format_name: str = "shopify", progress: Callable[[int, int], None] | None = None
) -> AsyncIterator[str]:
    """Lines of CSV, the header first. `progress` hears products done and in all.

    Raises `Invalid` for a format there is not, `Forbidden`.
    """
    demand(actor, Permission.CATALOG_WRITE)
    form = FORMATS.get(format_name)
    if form is None:
        raise Invalid("format", f"“{format_name[:40]}” is no format; use {' or '.join(FORMATS)}.")
    async with transaction(actor) as session:
        total = int(await sql.fetch_value(session, _COUNT))
        header = await _header(session, form)
        await audit.record(session, "export", "products", None, {"format": form.NAME, "products": total})
    yield write_row(header, {column: column for column in header})
    done, after = 0, ids.floor_id(ids.instant_of(UUID(int=0)))
    while page := await _read_page(actor, form.NAME, after):
        for product in page:
            for cells in _rows(form, product):
                yield write_row(header, cells)
        done, after = done + len(page), page[-1].id
        if progress:
            progress(done, total)


async def _header(session: Session, form: ModuleType) -> list[str]:
    extra = {row.name for row in await sql.fetch_all(session, _EXTRA, _Column, format=form.NAME)}
    header = list(form.HEADER)
    if form.NAME == "woocommerce":
        number = int(await sql.fetch_value(session, _ATTRIBUTES))
        header += [f"Attribute {n} {part}" for n in range(1, number + 1) for part in form.ATTRIBUTE_PARTS]
    return header + sorted(extra.difference(header))


async def _read_page(actor: Actor, name: str, after: UUID) -> list[_Product]:
    """A transaction a page: an export of any length holds no lock and no snapshot."""
    async with transaction(actor) as session:
        text = await sql.fetch_value(session, _FAMILIES, format=name, after=after, limit=_PAGE)
    return msgspec.json.decode(text, type=list[_Product]) if text else []


def _rows(form: ModuleType, product: _Product) -> list[dict[str, str]]:
    family = _family(product)
    return [_recall(written, family) for written in form.write(family, settings().currency)]


def _recall(written: Written, family: Family) -> dict[str, str]:
    """A row with the file's own cells: those of its picture, its variant and its product."""
    memory: Memory = {}
    if written.image is not None:
        memory |= family.image_memory.get(str(written.image), {})
    if written.item is not None:
        memory |= family.items[written.item].memory
    if written.family:
        memory |= family.memory
    return recalled(written.picture | written.variant | written.family, memory)


def _family(product: _Product) -> Family:
    memory = product.imported_from
    choices = product.options if isinstance(product.options, list) else []
    items = [_item(variant) for variant in product.variants] or [_item(product)]
    if not product.variants:
        choices = []
        items[0].options, items[0].image = {}, None
    return Family(
        slug=product.slug,
        sku=product.sku,
        name=product.name,
        description=product.description,
        brand=product.brand,
        category=product.category,
        tags=product.tags,
        images=[{"src": origin(image), "alt": str(image.get("alt") or "")} for image in product.images],
        choices=[(choice["name"], choice["values"]) for choice in choices],
        items=items,
        is_active=product.is_active,
        is_featured=product.is_featured,
        order=product.order,
        attributes={name: str(value) for name, value in product.attributes.items()},
        seo_title=product.seo_title,
        seo_description=product.seo_description,
        memory=memory.get("cells", {}),
        image_memory=memory.get("images", {}),
    )


def _item(sold: _Sold) -> Item:
    currency = settings().currency
    return Item(
        sku=sold.sku,
        price=money.minor(sold.price, currency),
        compare_at_price=None if sold.compare_at_price is None else money.minor(sold.compare_at_price, currency),
        track_inventory=sold.track_inventory,
        quantity=sold.quantity,
        options=sold.options if isinstance(sold.options, dict) else {},
        weight_grams=sold.weight_grams,
        barcode=sold.barcode,
        tax_class=sold.tax_class,
        product_type=sold.product_type,
        image=origin(sold.images[0]) if sold.images else None,
        is_active=sold.is_active,
        memory=sold.imported_from.get("item", {}),
    )
