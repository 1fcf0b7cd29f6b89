"""The filters of the product list as SQL conditions."""

from typing import LiteralString

from lex.catalog.parts import AVAILABLE, REDUCED

#: Products of a category and of all below it.
BRANCH: LiteralString = """p.category_id IN (
    SELECT below.id FROM categories top
    JOIN categories below ON below.path = top.path OR below.path LIKE top.path || '/%%'
    WHERE top.slug = %(category)s AND top.deleted_at IS NULL AND below.deleted_at IS NULL AND below.is_active)"""
KNOWN_CATEGORY: LiteralString = """EXISTS (
    SELECT FROM categories WHERE slug = %(category)s AND deleted_at IS NULL AND is_active)"""

#: What is asked of the product itself.
OF_PRODUCT: dict[str, LiteralString] = {
    "q": "p.search @@ websearch_to_tsquery('english', %(q)s)",
    "tags": "p.tags @> %(tags)s::text[]",
    "featured": "p.is_featured",
    "category": BRANCH,
    "brands": "p.brand = ANY(%(brands)s::text[])",
}
#: What is asked of one thing that can be bought, under the name that fills {0}.
OF_OFFER: dict[str, LiteralString] = {
    "min_price": "{0}.price >= %(min_price)s::numeric",
    "max_price": "{0}.price <= %(max_price)s::numeric",
    "options": "{0}.options @> ANY(%(options)s::jsonb[])",
    "in_stock": AVAILABLE,
    "on_sale": REDUCED,
}
