"""The front page: what the business does, with entries from its catalogue."""

from typing import Any, LiteralString

from litestar import MediaType, Request, Response, get
from markupsafe import Markup

from lex.adapters import cached
from lex.catalog.parts import ITEM, LISTED, VARIANTS, amount
from lex.core import codec, money
from lex.core.settings import settings
from lex.web.kit.guards import public
from lex.web.kit.templates import render, stamp
from lex.web.kit.texts import find_text
from lex.web.storefront.frame import answer, frame
from lex.web.storefront.seo import Seo, absolute, linked_data

_HOME: LiteralString = f"""
SELECT json_build_object(
    'products', coalesce((SELECT json_agg(featured) FROM (
        SELECT {ITEM}
        FROM products p LEFT JOIN categories c ON c.id = p.category_id AND c.deleted_at IS NULL AND c.is_active
        LEFT JOIN LATERAL ({VARIANTS}) v ON true
        WHERE {LISTED} ORDER BY NOT p.is_featured, p."order", p.id LIMIT 9) featured), '[]'),
    'services', coalesce((SELECT json_agg(item) FROM (
        SELECT json_build_object('slug', slug, 'name', name, 'image', images -> 0, 'price', {amount("price")},
                                 'duration_minutes', duration_minutes, 'capacity', capacity,
                                 'rating_average', rating_average, 'rating_count', rating_count) AS item
        FROM services WHERE deleted_at IS NULL AND is_active
        ORDER BY is_featured DESC, price, id LIMIT 6) bookable), '[]'),
    'plans', coalesce((SELECT json_agg(item) FROM (
        SELECT json_build_object('slug', slug, 'name', name, 'description', description, 'image', images -> 0,
                                 'price', {amount("price")}, 'billing_interval', billing_interval,
                                 'interval_count', interval_count, 'trial_days', trial_days,
                                 'features', features) AS item
        FROM subscription_plans WHERE deleted_at IS NULL AND is_active AND is_current
        ORDER BY "order", price, id LIMIT 3) offered), '[]'))
"""


@get("/", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def home(request: Request[Any, Any, Any]) -> Response[str]:
    """Goods, bookings and memberships, each with what stands in the catalogue."""
    config = settings()
    around = await frame()
    question = f"{config.locale} {config.currency} {stamp()}"
    offers = Markup(await cached.render("front page", question, _offers))
    about = find_text("about")
    seo = Seo("", about.summary if about else "", "/", data=_data())
    development = config.home_path / "mail" if config.environment == "development" else None
    return answer(request, "shop/home.html", around, seo=seo, mail_folder=development, offers=offers)


async def _offers() -> str:
    """What the catalogue has for the front page, as HTML; one statement."""
    currency = settings().currency
    document = await cached.find_document("home", _HOME, {"scale": money.scale(currency)})
    offers: dict[str, Any] = codec.decode(document or b"{}")
    return render("shop/home_offers.html", currency=currency, **offers)


def _data() -> Any:
    config = settings()
    target = {"@type": "EntryPoint", "urlTemplate": absolute("/search?q={search_term_string}")}
    search = {"@type": "SearchAction", "target": target, "query-input": "required name=search_term_string"}
    business: dict[str, Any] = {"@type": "Organization", "name": config.shop_name, "url": absolute("/")}
    if config.logo:
        business["logo"] = absolute(f"/media/{config.logo}")
    site = {"@type": "WebSite", "name": config.shop_name, "url": absolute("/"), "potentialAction": search}
    return linked_data(business, site)


routes: list[Any] = [home]
