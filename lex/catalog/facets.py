"""Facets: how many products each further filter would leave, counted beside the list in the same statement.

Each facet leaves its own filter out, so that it shows what else could be chosen. A list of one category looks at the
offers of that category alone, and counts the products of the others without them. What is counted are products, by the
things that can be bought: a family counts once, however many of its variants fit. A search counts what is no product
beside them: `more` gives such rows with the columns of `offers`.
"""

from typing import LiteralString

from lex.catalog.filters import BRANCH, OF_OFFER, OF_PRODUCT, offered
from lex.catalog.parts import AVAILABLE, LISTED, OFFERED, REDUCED, amount

#: One row a thing that can be bought, with what it fulfils of the filters.
_GOODS: LiteralString = """
        SELECT base.*, v.price, v.options, {in_price} AS in_price, {in_options} AS in_options,
               {available} AS is_available, coalesce({reduced}, false) AS is_reduced
        FROM (
            SELECT p.id, p.category_id, p.brand, p.rating_average AS rating, {in_category} AS in_category,
                   {in_brand} AS in_brand, {in_rating} AS in_rating
            FROM products p WHERE {listed}
        ) base JOIN products v ON coalesce(v.variant_of, v.id) = base.id
        WHERE v.variant_count = 0 AND {offered}"""
CATEGORIES: LiteralString = "SELECT id, slug, name, path FROM categories WHERE deleted_at IS NULL AND is_active"

_BY_CATEGORY: LiteralString = """
                SELECT category_id, count(DISTINCT id) AS number FROM offers
                WHERE {all_but_category} GROUP BY category_id"""
_FACETS: LiteralString = """, 'facets', (
    WITH offers (id, category_id, brand, rating, in_category, in_brand, in_rating, price, options, in_price, in_options,
                 is_available, is_reduced) AS MATERIALIZED ({offers}
    ), groups AS ({categories})
    SELECT json_build_object(
        'total', (SELECT count(DISTINCT id) FROM offers WHERE {all}),
        'categories', coalesce((
            SELECT json_agg(json_build_object('slug', slug, 'name', name, 'path', path, 'count', number) ORDER BY path)
            FROM (
                SELECT top.slug, top.name, top.path, sum(counted.number)::int AS number
                FROM ({by_category}) counted
                JOIN groups own ON own.id = counted.category_id
                JOIN groups top ON own.path = top.path OR own.path LIKE top.path || '/%%' GROUP BY 1, 2, 3
            ) categories), '[]'),
        'brands', coalesce((
            SELECT json_agg(json_build_object('value', brand, 'count', number) ORDER BY number DESC, brand)
            FROM (SELECT brand, count(DISTINCT id) AS number FROM offers WHERE brand IS NOT NULL AND {all_but_brand}
                  GROUP BY brand ORDER BY number DESC, brand LIMIT 100) brands), '[]'),
        'options', coalesce((
            SELECT json_agg(json_build_object('name', name, 'values', choices) ORDER BY name)
            FROM (
                SELECT name, json_agg(json_build_object('value', value, 'count', number) ORDER BY number DESC, value)
                       AS choices
                FROM (SELECT choice.key AS name, choice.value, count(DISTINCT id) AS number
                      FROM offers CROSS JOIN jsonb_each_text(
                          CASE WHEN jsonb_typeof(offers.options) = 'object' THEN offers.options ELSE '{{}}' END) choice
                      WHERE {all_but_options} GROUP BY 1, 2 ORDER BY number DESC, 1, 2 LIMIT 200) counted
                GROUP BY name
            ) options), '[]'),
        'price', (SELECT json_build_object('min', {lowest}, 'max', {highest}) FROM offers WHERE {all_but_price}),
        'ratings', (
            SELECT json_agg(json_build_object('min_rating', least_rating, 'count', number) ORDER BY least_rating DESC)
            FROM (SELECT least_rating, count(DISTINCT id) AS number FROM generate_series(1, 5) least_rating
                  LEFT JOIN offers ON rating >= least_rating AND {all_but_rating} GROUP BY 1) ratings),
        'in_stock', (SELECT count(DISTINCT id) FROM offers WHERE {all_but_stock} AND is_available),
        'on_sale', (SELECT count(DISTINCT id) FROM offers WHERE {all_but_sale} AND is_reduced)
    ))"""


def facets_of(
    used: frozenset[str], more: tuple[LiteralString, ...] = (), *, goods: bool = True, categories: LiteralString = ""
) -> LiteralString:
    """The member `facets` of a list that uses these filters; `categories` are the groups of what `more` adds."""
    is_one_category = "category" in used and goods and not more
    every = {
        "category": "true" if is_one_category else "in_category",
        "brand": "in_brand",
        "price": "in_price",
        "options": "in_options",
        "rating": "in_rating",
        "stock": "is_available" if "in_stock" in used else "true",
        "sale": "is_reduced" if "on_sale" in used else "true",
    }
    remaining = {
        f"all_but_{left_out}": " AND ".join(condition for name, condition in every.items() if name != left_out)
        for left_out in every
    }
    by_category = _products_by_category(used) if is_one_category else _BY_CATEGORY.format(**remaining)
    return _FACETS.format(
        offers="\n        UNION ALL".join([*([_goods(used, within=is_one_category)] if goods else []), *more]),
        by_category=by_category,
        categories=f"{CATEGORIES}{categories}",
        lowest=amount("min(price)"),
        highest=amount("max(price)"),
        all=" AND ".join(every.values()),
        **remaining,
    )


def _products_by_category(used: frozenset[str]) -> LiteralString:
    conditions = [LISTED, *(OF_PRODUCT[name] for name in OF_PRODUCT if name in used - {"category"}), offered(used)]
    return f"SELECT p.category_id, count(*) AS number FROM products p WHERE {' AND '.join(conditions)} GROUP BY 1"


def _goods(used: frozenset[str], *, within: bool) -> LiteralString:
    """The offers; `within` the category asked for only."""
    asked = ("q", "tags", "featured", *(("category",) if within else ()))
    price = [OF_OFFER[name].format("v") for name in ("min_price", "max_price") if name in used]
    return _GOODS.format(
        listed=" AND ".join([LISTED, *(OF_PRODUCT[name] for name in asked if name in used)]),
        in_category=BRANCH if "category" in used and not within else "true",
        in_brand=OF_PRODUCT["brands"] if "brands" in used else "true",
        in_rating=f"coalesce({OF_PRODUCT['min_rating']}, false)" if "min_rating" in used else "true",
        in_price=" AND ".join(price) or "true",
        in_options=OF_OFFER["options"].format("v") if "options" in used else "true",
        available=AVAILABLE.format("v"),
        reduced=REDUCED.format("v"),
        offered=OFFERED,
    )
