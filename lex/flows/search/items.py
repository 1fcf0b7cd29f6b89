"""The entries of a page of results: one shape for all kinds, so that one card shows them."""

from typing import LiteralString

from lex.catalog.parts import IN_STOCK, VARIANTS, amount


def _item(
    kind: LiteralString,
    alias: LiteralString,
    *,
    category: bool = True,
    price_max: LiteralString = "",
    in_stock: LiteralString = "true",
    **own: LiteralString,
) -> LiteralString:
    members = {
        "brand": "NULL::text",
        "compare_at_price": "NULL::bigint",
        "lowest_price_30_days": "NULL::bigint",
        "variant_count": "0",
        "rating_average": "NULL::numeric",
        "rating_count": "0",
        "duration_minutes": "NULL::integer",
        "billing_interval": "NULL::text",
        "interval_count": "NULL::integer",
    } | own
    group: LiteralString = "CASE WHEN c.id IS NOT NULL THEN json_build_object('slug', c.slug, 'name', c.name) END"
    return f"""page.place, '{kind}' AS kind, {alias}.id, {alias}.slug, {alias}.name,
        {group if category else "NULL::json"} AS category, {amount(f"{alias}.price")} AS price,
        {amount(price_max or f"{alias}.price")} AS price_max, {in_stock} AS in_stock, {alias}.images -> 0 AS image,
        {", ".join(f"{value} AS {name}" for name, value in members.items())}"""


_PRODUCT: LiteralString = _item(
    "product",
    "p",
    price_max="coalesce(v.price_max, p.price)",
    in_stock=IN_STOCK,
    brand="p.brand",
    compare_at_price=amount("p.compare_at_price"),
    lowest_price_30_days=amount("p.lowest_price_30_days"),
    variant_count="p.variant_count",
    rating_average="p.rating_average",
    rating_count="p.rating_count",
)
_SERVICE: LiteralString = _item(
    "service",
    "s",
    rating_average="s.rating_average",
    rating_count="s.rating_count",
    duration_minutes="s.duration_minutes",
)
_PLAN: LiteralString = _item(
    "plan", "s", category=False, billing_interval="s.billing_interval", interval_count="s.interval_count"
)

#: The hits in `page` in their order, each as a row that becomes its JSON.
ITEMS: LiteralString = f"""
    SELECT kind, id, slug, name, category, price, price_max, in_stock, image, brand, compare_at_price,
           lowest_price_30_days, variant_count, rating_average, rating_count, duration_minutes, billing_interval,
           interval_count
    FROM (
        SELECT {_PRODUCT} FROM page JOIN products p ON p.id = page.id
        LEFT JOIN categories c ON c.id = p.category_id AND c.deleted_at IS NULL AND c.is_active
        LEFT JOIN LATERAL ({VARIANTS}) v ON true
        WHERE page.kind = 'product' AND page.place <= %(limit)s
        UNION ALL
        SELECT {_SERVICE} FROM page JOIN services s ON s.id = page.id
        LEFT JOIN service_categories c ON c.id = s.category_id AND c.deleted_at IS NULL AND c.is_active
        WHERE page.kind = 'service' AND page.place <= %(limit)s
        UNION ALL
        SELECT {_PLAN} FROM page JOIN subscription_plans s ON s.id = page.id
        WHERE page.kind = 'plan' AND page.place <= %(limit)s
    ) found ORDER BY place"""
