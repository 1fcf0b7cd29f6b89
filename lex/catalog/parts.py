"""Pieces of SQL that the catalogue's documents share. `p` is a product or family, `v` one thing that can be bought."""

from typing import LiteralString


def amount(column: LiteralString) -> LiteralString:
    """A numeric amount as whole minor units; null stays null."""
    return f"(({column}) * %(scale)s)::bigint"


#: A product or family that the shop shows.
LISTED: LiteralString = "p.variant_of IS NULL AND p.deleted_at IS NULL AND p.is_active"
OFFERED: LiteralString = "v.deleted_at IS NULL AND v.is_active"
#: Conditions of one thing that can be bought, under the name that fills {0}.
AVAILABLE: LiteralString = "(NOT {0}.track_inventory OR {0}.stock_quantity > {0}.reserved_quantity)"
REDUCED: LiteralString = "({0}.compare_at_price > {0}.price)"

#: What a family's variants say together; reads nothing for a product without variants.
VARIANTS: LiteralString = f"""
    SELECT coalesce(bool_or({AVAILABLE.format("v")}), false) AS in_stock, max(v.price) AS price_max,
           CASE WHEN bool_and(v.track_inventory) THEN sum(v.stock_quantity - v.reserved_quantity) END AS available
    FROM products v WHERE v.variant_of = p.id AND p.variant_count > 0 AND {OFFERED}"""

IN_STOCK: LiteralString = f"CASE WHEN p.variant_count = 0 THEN {AVAILABLE.format('p')} ELSE v.in_stock END"
#: Units left; null where they are not counted. Only for what is not kept (adapters/cached): it changes with every sale.
LEFT: LiteralString = """CASE WHEN p.variant_count > 0 THEN v.available
    WHEN p.track_inventory THEN p.stock_quantity - p.reserved_quantity END"""

#: The last few units, else null: a list is kept, and a sale that leaves more than three does not change it.
FEW_LEFT: LiteralString = f"CASE WHEN ({LEFT}) BETWEEN 1 AND 3 THEN ({LEFT}) END"

#: What an entry of a list reads of a product. A page is picked by these alone: whole rows are dear to sort and copy.
LISTED_COLUMNS: LiteralString = """p.id, p.slug, p.name, p.brand, p.product_type, p.category_id, p.price,
    p.compare_at_price, p.lowest_price_30_days, p.track_inventory, p.stock_quantity, p.reserved_quantity,
    p.variant_count, p.images, p.options, p.is_featured, p.rating_average, p.rating_count"""

#: A product in a list, as columns: a row becomes JSON for less than its members one by one. Of stock it tells no more
#: than tr_products_catalogue_stock watches.
ITEM: LiteralString = f"""
    p.id, p.slug, p.name, p.brand, p.product_type,
    CASE WHEN c.id IS NOT NULL THEN json_build_object('slug', c.slug, 'name', c.name) END AS category,
    {amount("p.price")} AS price, {amount("coalesce(v.price_max, p.price)")} AS price_max,
    {amount("p.compare_at_price")} AS compare_at_price, {amount("p.lowest_price_30_days")} AS lowest_price_30_days,
    {IN_STOCK} AS in_stock, {FEW_LEFT} AS few_left,
    p.images -> 0 AS image, CASE WHEN jsonb_typeof(p.options) = 'array' THEN p.options ELSE '[]' END AS options,
    p.variant_count, p.is_featured, p.rating_average, p.rating_count"""

#: A variant within its family.
VARIANT: LiteralString = f"""json_build_object(
    'id', v.id, 'sku', v.sku, 'slug', v.slug, 'name', v.name, 'options', v.options, 'price', {amount("v.price")},
    'compare_at_price', {amount("v.compare_at_price")},
    'lowest_price_30_days', {amount("v.lowest_price_30_days")}, 'in_stock', {AVAILABLE.format("v")},
    'available', CASE WHEN v.track_inventory THEN v.stock_quantity - v.reserved_quantity END,
    'image', v.images -> 0, 'weight_grams', v.weight_grams, 'barcode', v.barcode)"""
