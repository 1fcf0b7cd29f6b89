"""Lists of products: all of them, a category's, and what a search finds; filters live in the address."""

from typing import Any

from litestar import MediaType, Request, Response, get

from lex.catalog import queries as catalog
from lex.core import codec
from lex.core.errors import NotFound
from lex.core.texts import SLUG
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.templates import amount, environment, page
from lex.web.storefront.asked import Asked, Chip, read
from lex.web.storefront.frame import Frame, answer, frame
from lex.web.storefront.seo import Seo, absolute, breadcrumb, linked_data, own, plain


@get("/products", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def products(request: Request[Any, Any, Any]) -> Response[str]:
    """Everything the shop sells."""
    asked = read("/products", request.query_params)
    found = await find(asked, request)
    if is_part(request):
        return part(asked, found)
    around = await frame()
    title = environment().globals["gettext"]("All goods")  # type: ignore[operator]
    seo = Seo(title, path="/products", data=_data(found, [(title, "/products")]), is_indexed=_is_indexed(asked))
    return shelf(request, around, asked, found, seo, title=title)


@get("/categories/{slug:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def category(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """A category's products and those of all below it."""
    if not SLUG.fullmatch(slug):
        raise NotFound(f"There is no category “{slug[:100]}”.", code="category_not_found")
    asked = read(f"/categories/{slug}", request.query_params, slug)
    found = await find(asked, request)
    if is_part(request):
        return part(asked, found)
    around = await frame(slug)
    if around.category is None:  # closed between two statements
        raise NotFound(f"There is no category “{slug}”.", code="category_not_found")
    own_name = around.category.name
    steps = [(step.name, f"/categories/{step.slug}") for step in around.category.breadcrumb]
    seo = Seo(
        own_name,
        plain(around.category.description),
        asked.path,
        own(around.category.image),
        data=_data(found, steps),
        is_indexed=_is_indexed(asked),
    )
    facts = {"title": own_name, "about": plain(around.category.description, 400), "steps": steps[:-1]}
    return shelf(request, around, asked, found, seo, **facts)


async def find(asked: Asked, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The products asked for; with facets unless only more of the same list is wanted. Raises `NotFound`, `Invalid`."""
    wanted = asked.wanted
    document: dict[str, Any] = codec.decode(await catalog.list_products(wanted, facets=not is_part(request)))
    return document


def shelf(
    request: Request[Any, Any, Any], around: Frame, asked: Asked, found: dict[str, Any], seo: Seo, **facts: Any
) -> Response[str]:
    """The page of a list: filters, chips, products, and the way on."""
    return answer(
        request,
        "products.html",
        around,
        seo=seo,
        asked=asked,
        chips=_chips(asked, found["currency"]),
        **{"about": "", "steps": [], "q": asked.value("q"), **facts},
        **found,
    )


def is_part(request: Request[Any, Any, Any]) -> bool:
    """Whether a script asks for the next products of a list that is on the page already."""
    return "hx-request" in request.headers and "cursor" in request.query_params


def part(asked: Asked, found: dict[str, Any]) -> Response[str]:
    """The next products, for the end of the list on the page."""
    headers = {"Cache-Control": "private, no-cache", "Vary": "HX-Request"}
    return page("products_more.html", headers=headers, asked=asked, **found)


def _chips(asked: Asked, currency: str) -> list[Chip]:
    gettext: Any = environment().globals["gettext"]
    wanted = asked.wanted
    words = {
        "min_price": gettext("from %(price)s", price=amount(wanted.min_price or 0, currency)),
        "max_price": gettext("up to %(price)s", price=amount(wanted.max_price or 0, currency)),
        "in_stock": gettext("In stock"),
        "on_sale": gettext("Reduced"),
    }
    return [
        Chip(words.get(name) or value.replace(":", ": ", 1), asked.address(without=(name, value)))
        for name, value in asked.pairs
        if name not in ("q", "sort")
    ]


def _is_indexed(asked: Asked) -> bool:
    """Only the whole list from its start: every further combination shows the same things."""
    return not asked.pairs and asked.wanted.cursor is None


def _data(found: dict[str, Any], steps: list[tuple[str, str]]) -> Any:
    entries = [
        {"@type": "ListItem", "position": place, "url": absolute(f"/products/{item['slug']}"), "name": item["name"]}
        for place, item in enumerate(found["items"], 1)
    ]
    return linked_data(breadcrumb(steps), {"@type": "ItemList", "itemListElement": entries})


routes: list[Any] = [products, category]
