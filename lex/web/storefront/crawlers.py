"""What machines read: sitemap, robots.txt, the manifest of the site, and the style sheet of the merchant's accent."""

from datetime import date
from typing import Any, LiteralString

import msgspec
from litestar import MediaType, Response, get

from lex.core import codec
from lex.core.errors import NotFound
from lex.core.settings import settings
from lex.db.documents import find_document
from lex.web.kit import assets
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.templates import theme
from lex.web.kit.texts import texts
from lex.web.storefront.seo import absolute

#: Addresses that one sitemap may hold (https://www.sitemaps.org/protocol.html).
MOST = 50_000
_HOUR = {"Cache-Control": "public, max-age=3600"}
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_FIXED = ("/", "/products", "/services", "/memberships")

_SHOWN: LiteralString = """
    SELECT '/products/' || slug AS path, updated_at FROM products
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active
    UNION ALL
    SELECT '/categories/' || slug, updated_at FROM categories WHERE deleted_at IS NULL AND is_active
    UNION ALL
    SELECT '/services/' || slug, updated_at FROM services WHERE deleted_at IS NULL AND is_active
    UNION ALL
    SELECT '/memberships/' || slug, updated_at FROM subscription_plans
    WHERE deleted_at IS NULL AND is_active AND is_current"""
# One page of addresses, and how many there are in all.
_PAGE: LiteralString = f"""
WITH shown AS ({_SHOWN})
SELECT json_build_object('total', (SELECT count(*) FROM shown), 'entries', coalesce((
    SELECT json_agg(json_build_array(path, updated_at::date))
    FROM (SELECT * FROM shown ORDER BY path OFFSET %(skip)s LIMIT %(most)s) page), '[]'))
"""


class _Page(msgspec.Struct):
    total: int
    entries: list[tuple[str, date]]


@get("/sitemap.xml", guards=[public], include_in_schema=False, media_type=MediaType.XML)
async def sitemap() -> Response[str]:
    """All addresses; those of a shop with more than 50,000 stand in several files that this one names."""
    page = await _page(1)
    pages = -(-page.total // (MOST - _others()))
    if pages <= 1:
        return _xml(_address_list(page, is_first=True))
    entries = "".join(f"<sitemap><loc>{absolute(f'/sitemaps/{n}.xml')}</loc></sitemap>" for n in range(1, pages + 1))
    return _xml(f"<sitemapindex {_SPACE}>{entries}</sitemapindex>")


@get("/sitemaps/{name:str}", guards=[public], include_in_schema=False, media_type=MediaType.XML)
async def sitemap_part(name: FromPath[str]) -> Response[str]:
    """One of several files of addresses, from 1.xml on."""
    number = name.removesuffix(".xml")
    if not (name.endswith(".xml") and number.isascii() and number.isdigit() and len(number) < 6):
        raise NotFound("There is no such part of the sitemap.")
    page = await _page(int(number))
    if not page.entries:
        raise NotFound("There is no such part of the sitemap.")
    return _xml(_address_list(page, is_first=number == "1"))


async def _page(number: int) -> _Page:
    # The shop's own pages and lists go into the first file, beside the rows of the catalogue.
    most = MOST - _others()
    skip = max(number - 1, 0) * most
    return msgspec.json.decode(await find_document(_PAGE, {"skip": skip, "most": most}) or b"{}", type=_Page)


def _others() -> int:
    return len(_FIXED) + len(texts())


def _address_list(page: _Page, *, is_first: bool) -> str:
    fixed = [*_FIXED, *(f"/pages/{text.name}" for text in texts())] if is_first else []
    entries = [f"<url><loc>{absolute(path)}</loc></url>" for path in fixed]
    entries += [f"<url><loc>{absolute(path)}</loc><lastmod>{day}</lastmod></url>" for path, day in page.entries]
    return f"<urlset {_SPACE}>{''.join(entries)}</urlset>"


def _xml(text: str) -> Response[str]:
    return Response(_HEAD + text, media_type="application/xml", headers=_HOUR)


@get("/robots.txt", guards=[public], include_in_schema=False, media_type=MediaType.TEXT)
async def robots() -> Response[str]:
    """What crawlers may read: the shop, not what belongs to one visitor."""
    closed = ("/account", "/api/", "/cart", "/checkout", "/orders/", "/search", "/staff/", "/sandbox/")
    rules = "".join(f"Disallow: {path}\n" for path in closed)
    return Response(
        f"User-agent: *\n{rules}\nSitemap: {absolute('/sitemap.xml')}\n", media_type=MediaType.TEXT, headers=_HOUR
    )


@get("/manifest.webmanifest", guards=[public], include_in_schema=False)
async def manifest() -> Response[bytes]:
    """The site as a thing on a home screen."""
    icon = assets.address("favicon.svg")
    facts = {
        "name": settings().shop_name,
        "short_name": settings().shop_name,
        "start_url": "/",
        "display": "minimal-ui",
        "background_color": "#fbf9f6",
        "theme_color": "#fbf9f6",
        "icons": [{"src": icon, "sizes": "any", "type": "image/svg+xml"}] if icon else [],
    }
    return Response(codec.encode(facts), media_type="application/manifest+json", headers=_HOUR)


@get("/theme.css", guards=[public], include_in_schema=False)
async def theme_sheet() -> Response[str]:
    """The merchant's accent; its address changes with it."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(theme(), media_type="text/css", headers=headers)


routes: list[Any] = [sitemap, sitemap_part, robots, manifest, theme_sheet]
