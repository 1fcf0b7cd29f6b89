"""Lists of products: all of them, and a category's; filters live in the address."""

from functools import partial
from typing import Any

from litestar import MediaType, Request, Response, get

from lex.catalog import queries as catalog
from lex.catalog.listing import ProductFilter
from lex.core import codec
from lex.core.errors import NotFound
from lex.core.texts import SLUG
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.templates import gettext
from lex.web.storefront.asked import Asked, is_part, read
from lex.web.storefront.frame import frame
from lex.web.storefront.seo import Seo, own, plain
from lex.web.storefront.shelf import Shelf, is_indexed, kept, list_data, more

_TEMPLATE = "shop/products.html"


@get("/products", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def products(request: Request[Any, Any, Any]) -> Response[str]:
    """Everything the shop sells."""
    asked = read(request, "/products", ProductFilter, category=None)
    if is_part(request):
        return more(asked, codec.decode(await catalog.list_products(asked.wanted)))

    async def work(shelf: Shelf) -> str:
        found = codec.decode(await catalog.list_products(asked.wanted))
        title = gettext("All goods")
        seo = Seo(title, "", asked.path, data=list_data(found, [(title, asked.path)]), is_indexed=is_indexed(asked))
        return shelf(_TEMPLATE, await frame(), found, seo=seo, title=title, branch="")

    return await kept(request, asked, work)


@get("/categories/{slug:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def category(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """A category's products and those of all below it."""
    if not SLUG.fullmatch(slug):
        raise NotFound(f"There is no category “{slug[:100]}”.", code="category_not_found")
    asked = read(request, f"/categories/{slug}", ProductFilter, category=slug)
    if is_part(request):
        return more(asked, codec.decode(await catalog.list_products(asked.wanted)))
    return await kept(request, asked, partial(_category, slug, asked))


async def _category(slug: str, asked: Asked[ProductFilter], shelf: Shelf) -> str:
    found = codec.decode(await catalog.list_products(asked.wanted))
    around = await frame(slug)
    shown = around.category
    if shown is None:  # closed between two statements
        raise NotFound(f"There is no category “{slug}”.", code="category_not_found")
    steps = [(step.name, f"/categories/{step.slug}") for step in shown.breadcrumb]
    about = plain(shown.description, 400)
    seo = Seo(
        shown.name,
        plain(about),
        asked.path,
        own(shown.image),
        data=list_data(found, steps),
        is_indexed=is_indexed(asked),
    )
    branch = "/".join(step.slug for step in shown.breadcrumb) + "/"
    facts = {"seo": seo, "title": shown.name, "about": about, "steps": steps[:-1], "branch": branch}
    return shelf(_TEMPLATE, around, found, **facts)


routes: list[Any] = [products, category]
