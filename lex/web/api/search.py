"""The search over products, services and plans, and what it suggests while somebody types."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromQuery, QueryParameter

from lex.flows.search.find import find
from lex.flows.search.question import LONGEST, Kind, Search, Sort
from lex.flows.search.suggest import suggest
from lex.web.api import search_views as views
from lex.web.api.catalog import Brands, Category, Facets, Options, Price, Rating, option_of
from lex.web.kit.caching import documents, json_document
from lex.web.kit.guards import public
from lex.web.kit.paging import Cursor, Limit
from lex.web.kit.problems import problems
from lex.web.kit.rates import count_search

Words = Annotated[
    str,
    QueryParameter(
        max_length=LONGEST,
        description='Words, a SKU or a barcode; "a phrase", -without and or are understood.',
    ),
]
Wanted = Annotated[Kind | None, QueryParameter(required=False, description="One kind only.")]
Literally = Annotated[bool, QueryParameter(description="Take the words as they are; put nothing right.")]


@get(
    "/search",
    guards=[public],
    tags=["catalogue"],
    operation_id="search",
    summary="Search everything on offer",
    responses=documents(views.SearchPage, "A page of results.") | problems(404, 429),
)
async def search(
    request: Request[Any, Any, Any],
    q: Words,
    kind: Wanted = None,
    category: Category = None,
    brands: Brands = None,
    options: Options = None,
    min_price: Price = None,
    max_price: Price = None,
    min_rating: Rating = None,
    in_stock: FromQuery[bool] = False,
    on_sale: FromQuery[bool] = False,
    sort: FromQuery[Sort] = "relevance",
    literal: Literally = False,
    facets: Facets = None,
    limit: Limit = 24,
    cursor: Cursor = None,
) -> Response[Any]:
    """Products, services and plans by words, SKU or barcode; a misspelled word is put right when it finds nothing."""
    await count_search(request)
    wanted = Search(
        q=q,
        kind=kind,
        category=category,
        brands=tuple(brands or ()),
        options=tuple(option_of(text) for text in options or ()),
        min_price=min_price,
        max_price=max_price,
        min_rating=min_rating,
        in_stock=in_stock,
        on_sale=on_sale,
        sort=sort,
        literal=literal,
        limit=limit,
        cursor=cursor,
        facets=cursor is None if facets is None else facets,
    )
    return json_document(request, await find(wanted))


@get(
    "/search/suggestions",
    guards=[public],
    tags=["catalogue"],
    operation_id="suggest",
    summary="Suggest what is being typed",
    responses=documents(views.Suggestions, "At most eight suggestions.") | problems(429),
)
async def suggestions(request: Request[Any, Any, Any], q: Words) -> Response[Any]:
    """Words, categories and entries that begin as the last word does; none for less than two letters."""
    await count_search(request)
    return json_document(request, await suggest(q))


routes: list[Any] = [search, suggestions]
