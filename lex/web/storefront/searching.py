"""The search: one box over goods, services and memberships, and what it suggests while somebody types."""

from typing import Annotated, Any

from litestar import MediaType, Request, Response, get
from litestar.params import QueryParameter

from lex.core import codec
from lex.flows.search.find import find
from lex.flows.search.question import LONGEST, Search
from lex.flows.search.suggest import suggest
from lex.web.kit.guards import public
from lex.web.kit.rates import count_search
from lex.web.kit.templates import gettext, page
from lex.web.storefront.asked import is_part, read
from lex.web.storefront.frame import answer, frame
from lex.web.storefront.seo import Seo
from lex.web.storefront.shelf import Shelf, kept, more

Words = Annotated[str, QueryParameter(required=False, max_length=LONGEST)]


@get("/search", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def search(request: Request[Any, Any, Any]) -> Response[str]:
    """What is found, with the spelling put right where nothing was; without words, an invitation to search."""
    q = str(request.query_params.get("q", "")).strip()
    if not q:
        seo = Seo(gettext("Search"), path="/search", is_indexed=False)
        return answer(request, "shop/search_empty.html", await frame(), seo=seo, q="")
    await count_search(request)
    literal = "literal" in request.query_params
    asked = read(request, "/search", Search, literal=literal)
    if is_part(request):
        return more(asked, codec.decode(await find(asked.wanted)))

    async def work(shelf: Shelf) -> str:
        found = codec.decode(await find(asked.wanted))
        title = gettext("“%(words)s”", words=found["corrected"] or asked.wanted.q)
        seo = Seo(title, path="/search", is_indexed=False)
        return shelf("shop/search.html", await frame(), found, seo=seo, title=title, branch="")

    return await kept(request, asked, work)


@get("/search/suggestions", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def suggestions(request: Request[Any, Any, Any], q: Words = "") -> Response[str]:
    """The entries of the search box's list."""
    await count_search(request)
    headers = {"Cache-Control": "private, max-age=60"}
    return page("shop/suggestions.html", headers=headers, q=q, items=codec.decode(await suggest(q))["items"])


@get("/search/near", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def near(request: Request[Any, Any, Any], q: Words = "") -> Response[str]:
    """What comes nearest to an address that does not exist; nothing when nothing does."""
    found: dict[str, Any] = {"items": [], "currency": ""}
    if q.strip():
        await count_search(request)
        found = codec.decode(await find(Search(q=q, limit=4, facets=False)))
    return page("shop/near.html", headers={"Cache-Control": "private, no-cache"}, found=found)


routes: list[Any] = [search, suggestions, near]
