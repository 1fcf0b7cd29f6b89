"""The front page: what the business does, with entries from its catalogue."""

from typing import Any, LiteralString

from litestar import MediaType, Response, get

from lex.adapters import cached
from lex.catalog.parts import ITEM, LISTED, VARIANTS, amount
from lex.core import codec, money
from lex.core.settings import settings
from lex.web.kit.guards import public
from lex.web.kit.templates import page

_FRONT: LiteralString = f"""
SELECT json_build_object(
    'products', coalesce((SELECT json_agg(item) FROM (
        SELECT {ITEM} AS item
        FROM products p LEFT JOIN categories c ON c.id = p.category_id LEFT JOIN LATERAL ({VARIANTS}) v ON true
        WHERE {LISTED} ORDER BY p.is_featured DESC, p."order", p.id LIMIT 9) featured), '[]'),
    'services', coalesce((SELECT json_agg(item) FROM (
        SELECT json_build_object('slug', slug, 'name', name, 'description', description, 'image', images -> 0,
                                 'price', {amount("price")}, 'minutes', duration_minutes, 'capacity', capacity) AS item
        FROM services WHERE deleted_at IS NULL AND is_active
        ORDER BY is_featured DESC, price, id LIMIT 6) bookable), '[]'),
    'plans', coalesce((SELECT json_agg(item) FROM (
        SELECT json_build_object('slug', slug, 'name', name, 'description', description, 'image', images -> 0,
                                 'price', {amount("price")}, 'interval', billing_interval, 'count', interval_count,
                                 'trial_days', trial_days, 'features', features) AS item
        FROM subscription_plans WHERE deleted_at IS NULL AND is_active AND is_current
        ORDER BY "order", price, id LIMIT 3) offered), '[]'))
"""


@get("/", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def front() -> Response[str]:
    """Goods, bookings and memberships, each with what stands in the catalogue; one statement."""
    config = settings()
    document = await cached.find_document("front", _FRONT, {"scale": 10 ** money.exponent(config.currency)})
    offers: dict[str, Any] = codec.decode(document or b"{}")
    return page(
        "front.html",
        headers={"Cache-Control": "public, no-cache"},
        currency=config.currency,
        is_development=config.environment == "development",
        mail_folder=config.home_path / "mail",
        **offers,
    )
