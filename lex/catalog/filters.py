"""The filters of the product list as SQL conditions."""

from typing import LiteralString

from lex.catalog.parts import AVAILABLE, OFFERED, REDUCED
from lex.db.searching import QUERY, rank

#: Products of a category and of all below it.
BRANCH: LiteralString = """p.category_id IN (
    SELECT below.id FROM categories top
    JOIN categories below ON below.path = top.path OR below.path LIKE top.path || '/%%'
    WHERE top.slug = %(category)s AND top.deleted_at IS NULL AND below.deleted_at IS NULL AND below.is_active)"""
KNOWN_CATEGORY: LiteralString = """EXISTS (
    SELECT FROM categories WHERE slug = %(category)s AND deleted_at IS NULL AND is_active)"""

#: Products or families that carry exactly this SKU or barcode, or one of whose variants does.
CODED: LiteralString = """ARRAY(
    SELECT coalesce(coded.variant_of, coded.id) FROM products coded
    WHERE (lower(coded.sku) = lower(btrim(%(q)s)) OR coded.barcode = btrim(%(q)s))
      AND coded.deleted_at IS NULL AND coded.is_active)"""
#: Products or families that are called just that.
NAMED: LiteralString = """ARRAY(
    SELECT named.id FROM products named WHERE lower(named.name) = lower(btrim(%(q)s))
      AND named.variant_of IS NULL AND named.deleted_at IS NULL AND named.is_active)"""
#: The best lowest: what carries the SKU, what is called just that, then by how well the words fit.
RELEVANCE: LiteralString = f"""({rank("p")} - CASE WHEN p.id = ANY ({CODED}) THEN 1000000000
    WHEN p.id = ANY ({NAMED}) THEN 500000000 ELSE 0 END)"""

#: Everything that lists show, with its words alone: a tenth of what a product's row weighs.
TEXTS: LiteralString = "(SELECT product_id AS id, search FROM product_texts)"
#: What is asked of the product itself.
OF_PRODUCT: dict[str, LiteralString] = {
    "q": f"(p.search @@ {QUERY} OR p.id = ANY ({CODED}))",
    "tags": "p.tags @> %(tags)s::text[]",
    "featured": "p.is_featured",
    "category": BRANCH,
    "brands": "p.brand = ANY(%(brands)s::text[])",
    "min_rating": "p.rating_average >= %(min_rating)s",
}
#: All that words alone find.
FOUND: LiteralString = f"SELECT p.id FROM {TEXTS} p WHERE {OF_PRODUCT['q']}"
#: What is asked of one thing that can be bought, under the name that fills {0}.
OF_OFFER: dict[str, LiteralString] = {
    "min_price": "{0}.price >= %(min_price)s::numeric",
    "max_price": "{0}.price <= %(max_price)s::numeric",
    "options": "{0}.options @> ANY(%(options)s::jsonb[])",
    "in_stock": AVAILABLE,
    "on_sale": REDUCED,
}


def offered(used: frozenset[str]) -> LiteralString:
    """Something of it can be bought and fulfils every filter at once."""
    conditions = [OF_OFFER[name] for name in OF_OFFER if name in used]
    own = " AND ".join(["p.variant_count = 0", *(condition.format("p") for condition in conditions)])
    variants = " AND ".join(["v.variant_of = p.id", OFFERED, *(condition.format("v") for condition in conditions)])
    # LIMIT keeps the planner from hashing every variant of the shop to show a page of families.
    return f"(({own}) OR (p.variant_count > 0 AND (SELECT true FROM products v WHERE {variants} LIMIT 1)))"
