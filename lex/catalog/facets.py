"""Facets: how many products each further filter would leave, counted beside the list in the same statement.

Each facet leaves its own filter out, so that it shows what else could be chosen. A list of one category looks at the
goods of that category alone, and counts the products of the others without them. What is counted are products, by the
things that can be bought: a family counts once, however many of its variants fit. A search counts what is no product
beside them: `more` gives such rows with the columns of `goods`.

All is read from `product_facets`, which is narrow and kept by triggers; only words, tags and the featured ask products.
"""

from typing import LiteralString

from lex.catalog.filters import BRANCH, FOUND, OF_OFFER, OF_PRODUCT
from lex.catalog.parts import LISTED, amount

CATEGORIES: LiteralString = "SELECT id, slug, name, path FROM categories WHERE deleted_at IS NULL AND is_active"
#: How many products of each category itself are shown.
BY_CATEGORY: LiteralString = "SELECT category_id, count(*) AS number FROM product_facets p WHERE p.is_shown"

#: The filters as `product_facets` knows them, most by the names of the products' columns.
_OF_PRODUCT: dict[str, LiteralString] = {
    "brands": OF_PRODUCT["brands"],
    "min_rating": "coalesce(p.stars >= %(min_rating)s, false)",
}
_OF_OFFER: dict[str, LiteralString] = OF_OFFER | {"in_stock": "{0}.is_available", "on_sale": "{0}.is_reduced"}

#: Fits the options asked for but those of the choice's own name.
_OTHER_OPTIONS: LiteralString = (
    "EXISTS (SELECT FROM unnest(%(options)s::jsonb[]) asked WHERE {0}.options @> asked - choice.key)"
)

#: What is looked at, and one row each of how it fits. What fits is something that can be bought: the product itself, or
#: a variant of a family. Few families are looked up one by one, and all of them one after the other in an index.
_GOODS: LiteralString = """
    WITH shown AS {kept} (
        SELECT p.*, {in_category} AS in_category, {in_brand} AS in_brand, {in_rating} AS in_rating
        FROM product_facets p WHERE p.is_shown{asked}
    ), goods (category_id, brand, stars, in_category, in_brand, in_rating, lowest, highest, fits, fits_stock, fits_sale)
    AS MATERIALIZED ({goods}
    )"""
_PRODUCTS: LiteralString = """
        SELECT p.category_id, p.brand, p.stars, p.in_category, p.in_brand, p.in_rating, own.price, own.price, {fits},
               {fits_stock}, {fits_sale}
        FROM shown p CROSS JOIN LATERAL (SELECT CASE WHEN {fits_but_price} THEN p.price END AS price) own
        WHERE NOT p.is_family
        UNION ALL
        SELECT p.category_id, p.brand, p.stars, p.in_category, p.in_brand, p.in_rating, family.* FROM shown p
        CROSS JOIN LATERAL (
            SELECT min(v.price) FILTER (WHERE {v_fits_but_price}), max(v.price) FILTER (WHERE {v_fits_but_price}),
                   bool_or({v_fits}), bool_or({v_fits_stock}), bool_or({v_fits_sale})
            FROM product_facets v WHERE v.variant_of = p.product_id) family
        WHERE p.is_family"""
_CHOICES: LiteralString = """
                    SELECT DISTINCT p.product_id, choice.key AS name, choice.value
                    FROM shown p JOIN product_facets v ON v.variant_of = p.product_id
                    CROSS JOIN LATERAL jsonb_each_text(v.options) choice
                    WHERE p.is_family AND {v_fits_but_options} AND {v_fits_other_options}
                      AND p.in_category AND p.in_brand AND p.in_rating
                    UNION ALL
                    SELECT p.product_id, choice.key, choice.value
                    FROM shown p CROSS JOIN LATERAL jsonb_each_text(p.options) choice
                    WHERE NOT p.is_family AND p.options <> '{{}}' AND {fits_but_options}
                      AND {fits_other_options} AND p.in_category AND p.in_brand AND p.in_rating"""
_NO_CHOICES: LiteralString = "SELECT NULL::uuid AS product_id, NULL::text AS name, NULL::text AS value WHERE false"
_FACETS: LiteralString = """, 'facets', ({goods}, groups AS ({categories}), sums AS (
        SELECT count(*) FILTER (WHERE fits) AS total, min(lowest) AS lowest, max(highest) AS highest,
               count(*) FILTER (WHERE fits_stock) AS in_stock, count(*) FILTER (WHERE fits_sale) AS on_sale
        FROM goods WHERE in_category AND in_brand AND in_rating
    )
    SELECT json_build_object(
        'total', sums.total,
        'categories', coalesce((
            SELECT json_agg(json_build_object('slug', slug, 'name', name, 'path', path, 'count', number) ORDER BY path)
            FROM (
                SELECT top.slug, top.name, top.path, sum(counted.number)::int AS number
                FROM ({by_category}) counted
                JOIN groups own ON own.id = counted.category_id
                CROSS JOIN LATERAL string_to_array(own.path, '/') line
                CROSS JOIN LATERAL generate_subscripts(line, 1) depth
                JOIN groups top ON top.path = array_to_string(line[:depth], '/') GROUP BY 1, 2, 3
            ) categories), '[]'),
        'brands', coalesce((
            SELECT json_agg(json_build_object('value', brand, 'count', number) ORDER BY number DESC, brand)
            FROM (SELECT brand, count(*) AS number FROM goods
                  WHERE brand IS NOT NULL AND fits AND in_category AND in_rating
                  GROUP BY brand ORDER BY number DESC, brand LIMIT 100) brands), '[]'),
        'options', coalesce((
            SELECT json_agg(json_build_object('name', name, 'values', choices) ORDER BY name)
            FROM (
                SELECT name, json_agg(json_build_object('value', value, 'count', number) ORDER BY number DESC, value)
                       AS choices
                FROM (SELECT name, value, count(*) AS number FROM ({choices}
                      ) chosen GROUP BY 1, 2 ORDER BY number DESC, 1, 2 LIMIT 200) counted
                GROUP BY name
            ) options), '[]'),
        'price', json_build_object('min', {lowest}, 'max', {highest}),
        'ratings', (
            SELECT json_agg(json_build_object('min_rating', least_rating, 'count', coalesce(number, 0))
                            ORDER BY least_rating DESC)
            FROM (
                SELECT least_rating, sum(number)::bigint AS number FROM generate_series(1, 5) least_rating
                LEFT JOIN (SELECT stars, count(*) AS number FROM goods
                           WHERE fits AND in_category AND in_brand GROUP BY stars) rated ON stars >= least_rating
                GROUP BY least_rating
            ) ratings),
        'in_stock', sums.in_stock,
        'on_sale', sums.on_sale
    ) FROM sums)"""


def facets_of(
    used: frozenset[str], more: tuple[LiteralString, ...] = (), *, goods: bool = True, categories: LiteralString = ""
) -> LiteralString:
    """The member `facets` of a list that uses these filters; `categories` are the groups of what `more` adds."""
    is_one_category = "category" in used and goods and not more
    looked_at = _shown(used, within=is_one_category)
    rows = "\n        UNION ALL".join([*([_PRODUCTS.format(**_fitting(used))] if goods else []), *more])
    by_category = (
        _products_by_category(used)
        if is_one_category
        else "SELECT category_id, count(*) AS number FROM goods WHERE fits AND in_brand AND in_rating GROUP BY 1"
    )
    return _FACETS.format(
        goods=_GOODS.format(goods=rows, **looked_at),
        categories=f"{CATEGORIES}{categories}",
        by_category=by_category,
        choices=_CHOICES.format(**_fitting(used)) if goods else _NO_CHOICES,
        lowest=amount("sums.lowest"),
        highest=amount("sums.highest"),
    )


def _shown(used: frozenset[str], *, within: bool) -> dict[str, LiteralString]:
    """The products that are looked at; `within` the category asked for only."""
    asked = [*_of_words(used), *([BRANCH] if within else [])]
    return {
        # Kept where few remain and finding them costs something; all of the shop is read in passing.
        "kept": "MATERIALIZED" if asked else "NOT MATERIALIZED",
        "asked": "".join(f" AND {condition}" for condition in asked),
        "in_category": BRANCH if "category" in used and not within else "true",
        "in_brand": _OF_PRODUCT["brands"] if "brands" in used else "true",
        "in_rating": _OF_PRODUCT["min_rating"] if "min_rating" in used else "true",
    }


def _of_words(used: frozenset[str]) -> list[LiteralString]:
    """What only the products themselves can tell, if that is asked."""
    asked = [OF_PRODUCT[name] for name in ("q", "tags", "featured") if name in used]
    if not asked:
        return []
    if asked == [OF_PRODUCT["q"]]:
        return [f"p.product_id IN ({FOUND})"]
    return [f"p.product_id IN (SELECT p.id FROM products p WHERE {' AND '.join([LISTED, *asked])})"]


def _fitting(used: frozenset[str]) -> dict[str, LiteralString]:
    """Whether an offer fits, under all its filters and without those of one facet: `p` itself or a variant `v`."""
    conditions: dict[str, LiteralString] = {}
    for prefix, alias in (("", "p"), ("v_", "v")):
        for name, left_out, added in (
            ("fits", (), ()),
            ("fits_but_price", ("min_price", "max_price"), ()),
            ("fits_but_options", ("options",), ()),
            ("fits_stock", (), ("in_stock",)),
            ("fits_sale", (), ("on_sale",)),
        ):
            wanted = [each for each in _OF_OFFER if (each in used or each in added) and each not in left_out]
            conditions[prefix + name] = " AND ".join(_OF_OFFER[each].format(alias) for each in wanted) or "true"
        conditions[prefix + "fits_other_options"] = _OTHER_OPTIONS.format(alias) if "options" in used else "true"
    return conditions


def _products_by_category(used: frozenset[str]) -> LiteralString:
    conditions = [*_of_words(used), *(_OF_PRODUCT[name] for name in ("brands", "min_rating") if name in used)]
    fitting = _fitting(used)
    if fitting["fits"] == "true":
        return " AND ".join([BY_CATEGORY, *conditions]) + " GROUP BY 1"
    others: LiteralString = "".join(f" AND {condition}" for condition in conditions)
    return f"""
            SELECT category_id, count(*) AS number FROM (
                SELECT p.category_id FROM product_facets p
                WHERE p.is_shown AND NOT p.is_family AND {fitting["fits"]}{others}
                UNION ALL
                SELECT p.category_id FROM product_facets p
                WHERE p.is_shown AND p.is_family{others} AND p.product_id IN (
                    SELECT v.variant_of FROM product_facets v WHERE v.variant_of IS NOT NULL AND {fitting["v_fits"]})
            ) fitting GROUP BY 1"""
