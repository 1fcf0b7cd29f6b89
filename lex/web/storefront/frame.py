"""What stands around every page of the storefront: the categories of its header, and how goods reach the customer."""

from typing import Any, LiteralString

import msgspec
from litestar import Request, Response

from lex.adapters import cached
from lex.core import money
from lex.core.settings import settings
from lex.web.kit.templates import page

#: Categories that a header shows; more are reached through their parents and the search.
_MOST: LiteralString = "12"

_FRAME: LiteralString = f"""
SELECT json_build_object(
    'categories', coalesce((
        SELECT json_agg(json_build_object('slug', slug, 'name', name) ORDER BY "order", name, id)
        FROM (SELECT * FROM categories WHERE parent_id IS NULL AND deleted_at IS NULL AND is_active
              ORDER BY "order", name, id LIMIT {_MOST}) top), '[]'),
    'delivery', coalesce((
        SELECT json_agg(json_build_object('kind', kind, 'name', name, 'price', (price * %(scale)s)::bigint,
                                          'free_from', (free_from * %(scale)s)::bigint) ORDER BY "order", code)
        FROM shipping_methods
        WHERE deleted_at IS NULL AND is_active
          AND (kind = 'pickup' OR countries = '{{}}' OR %(country)s = ANY(countries))), '[]'),
    'category', (
        SELECT json_build_object(
            'slug', slug, 'name', name, 'description', description, 'image', nullif(image, '{{}}'),
            'breadcrumb', (
                SELECT json_agg(json_build_object('slug', above.slug, 'name', above.name) ORDER BY length(above.path))
                FROM categories above
                WHERE above.slug = ANY(string_to_array(c.path, '/')) AND above.deleted_at IS NULL AND above.is_active))
        FROM categories c WHERE slug = %(category)s AND deleted_at IS NULL AND is_active))
"""


class Named(msgspec.Struct, frozen=True):
    """A category by slug and name."""

    slug: str
    name: str


class Delivery(msgspec.Struct, frozen=True):
    """A way goods reach customers in the shop's country; collecting is offered to all. Amounts in minor units."""

    kind: str
    name: str
    price: int
    free_from: int | None


class Category(msgspec.Struct, frozen=True):
    """The category a page is about; `breadcrumb` ends with itself."""

    slug: str
    name: str
    description: str | None
    image: dict[str, Any] | None
    breadcrumb: list[Named]


class Frame(msgspec.Struct, frozen=True):
    """The facts around a page. `category` is None when none was asked for or there is none of that slug."""

    categories: list[Named]
    delivery: list[Delivery]
    category: Category | None


_decoder = msgspec.json.Decoder(Frame)


async def frame(category: str | None = None) -> Frame:
    """What every page shows around itself, and the category it is about; one statement."""
    config = settings()
    params = {"category": category, "country": config.country, "scale": money.scale(config.currency)}
    return _decoder.decode(await cached.find_document("frame", _FRAME, params, is_quick=True) or b"{}")


def answer(request: Request[Any, Any, Any], template: str, around: Frame, **facts: Any) -> Response[str]:
    """A page of the storefront. Browsers keep it and ask each time; other caches do not, for the cart's number."""
    headers = {"Cache-Control": "private, no-cache"}
    return page(template, request=request, headers=headers, frame=around, currency=settings().currency, **facts)
