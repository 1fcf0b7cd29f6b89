"""Public reads of the catalogue: finished JSON, one statement each (`db/documents`)."""

from typing import LiteralString

from lex.adapters import cached
from lex.catalog.facets import BY_CATEGORY
from lex.catalog.listing import ProductFilter, question
from lex.catalog.parts import IN_STOCK, LEFT, LISTED, OFFERED, VARIANT, VARIANTS, amount
from lex.core import money
from lex.core.errors import NotFound
from lex.core.settings import settings
from lex.core.texts import SLUG
from lex.db.documents import find_document

# JSON has no nested aggregate over a tree, so the nodes are written in reading order and closed by how far the next
# one steps back. Counts include what stands below; an inactive category hides its branch.
_TREE: LiteralString = f"""
WITH RECURSIVE counts AS ({BY_CATEGORY} GROUP BY category_id
), tree AS (
    SELECT id, slug, name, description, image, 1 AS depth, ARRAY[("order", name, id)] AS place, ARRAY[id] AS line
    FROM categories WHERE parent_id IS NULL AND deleted_at IS NULL AND is_active
    UNION ALL
    SELECT c.id, c.slug, c.name, c.description, c.image, depth + 1, place || ("order", c.name, c.id), line || c.id
    FROM tree JOIN categories c ON c.parent_id = tree.id AND c.deleted_at IS NULL AND c.is_active
), sums AS (
    SELECT above AS id, sum(number)::int AS number
    FROM tree JOIN counts ON counts.category_id = tree.id CROSS JOIN unnest(tree.line) above GROUP BY above
), nodes AS (
    SELECT place, depth, coalesce(lead(depth) OVER (ORDER BY place), 0) AS next_depth,
           rtrim(json_build_object('slug', slug, 'name', name, 'description', description,
               'image', nullif(image, '{{}}'), 'product_count', coalesce(number, 0))::text, '}}') AS head
    FROM tree LEFT JOIN sums USING (id)
)
SELECT ('{{"items":[' || coalesce(string_agg(
    head || ', "children":[' || CASE WHEN next_depth > depth THEN ''
        ELSE repeat(']}}', depth - greatest(next_depth, 1) + 1) || CASE WHEN next_depth > 0 THEN ',' ELSE '' END END,
    '' ORDER BY place), '') || ']}}')::json FROM nodes
"""

_PRODUCT: LiteralString = f"""
SELECT json_build_object(
    'currency', %(currency)s::text, 'id', p.id, 'slug', p.slug,
    'sku', CASE WHEN p.variant_count = 0 THEN p.sku END, 'name', p.name, 'description', p.description,
    'brand', p.brand, 'product_type', p.product_type,
    'category', (SELECT json_build_object('slug', slug, 'name', name) FROM categories
                 WHERE id = p.category_id AND deleted_at IS NULL AND is_active),
    'breadcrumb', coalesce((
        WITH RECURSIVE line AS (
            SELECT id, parent_id, slug, name, 1 AS steps FROM categories
            WHERE id = p.category_id AND deleted_at IS NULL AND is_active
            UNION ALL
            SELECT c.id, c.parent_id, c.slug, c.name, steps + 1
            FROM line JOIN categories c ON c.id = line.parent_id AND c.deleted_at IS NULL AND c.is_active
        ) SELECT json_agg(json_build_object('slug', slug, 'name', name) ORDER BY steps DESC) FROM line), '[]'),
    'price', {amount("p.price")}, 'price_max', {amount("coalesce(v.price_max, p.price)")},
    'compare_at_price', {amount("p.compare_at_price")},
    'lowest_price_30_days', {amount("p.lowest_price_30_days")}, 'tax_class', p.tax_class,
    'in_stock', {IN_STOCK}, 'available', {LEFT}, 'images', p.images,
    'options', CASE WHEN jsonb_typeof(p.options) = 'array' THEN p.options ELSE '[]' END,
    'variants', coalesce((
        SELECT json_agg({VARIANT} ORDER BY v."order", v.id) FROM products v
        WHERE v.variant_of = p.id AND {OFFERED}), '[]'),
    'files', coalesce((
        SELECT json_agg(json_build_object('name', f.name, 'content_type', f.content_type, 'size_bytes', f.size_bytes)
                        ORDER BY f.id)
        FROM digital_files f WHERE f.product_id = p.id AND f.deleted_at IS NULL), '[]'),
    'attributes', p.attributes, 'tags', p.tags, 'weight_grams', p.weight_grams, 'barcode', p.barcode,
    'is_featured', p.is_featured, 'seo_title', p.seo_title, 'seo_description', p.seo_description,
    'rating_average', p.rating_average, 'rating_count', p.rating_count)
FROM products p LEFT JOIN LATERAL ({VARIANTS}) v ON true
WHERE p.slug = %(slug)s AND {LISTED}
"""


async def category_tree() -> bytes:
    """All active categories as a tree, each with the number of products in and below it."""
    document = await cached.find_document("category tree", _TREE, {})
    return document or b'{"items":[]}'


async def list_products(wanted: ProductFilter) -> bytes:
    """A page of products, with facets when asked for. Raises `Invalid` naming each bad field, `NotFound` (category)."""
    statement, params = question(wanted)
    document = await cached.find_document("product list", statement, params)
    if document is None:
        raise NotFound(f"There is no category “{wanted.category}”.", code="category_not_found")
    return document


async def get_product(slug: str) -> bytes:
    """A product or family by its slug, with variants, pictures and the way to it. Raises `NotFound` naming the slug."""
    currency = settings().currency
    params = {"slug": slug, "currency": currency, "scale": money.scale(currency)}
    document = await find_document(_PRODUCT, params, is_quick=True) if SLUG.fullmatch(slug) else None
    if document is None:
        raise NotFound(f"There is no product “{slug[:100]}”.", code="product_not_found")
    return document
