"""The public catalogue: categories, products, services and plans, as the database wrote them."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromQuery, QueryParameter

from lex.catalog import queries as catalog
from lex.catalog.listing import ProductFilter, Sort
from lex.core.errors import Invalid
from lex.core.money import MAX_AMOUNT
from lex.services import queries as services
from lex.subscriptions import queries as plans
from lex.web.api import catalog_views as views
from lex.web.kit.caching import documents, json_document
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.paging import Cursor, Limit
from lex.web.kit.problems import problems

Category = Annotated[
    str | None, QueryParameter(required=False, description="Slug of a category; what stands below it is included.")
]
Search = Annotated[
    str | None,
    QueryParameter(required=False, max_length=200, description='Words; "a phrase", -without and or are understood.'),
]
Brands = Annotated[
    list[str] | None, QueryParameter(required=False, name="brand", description="Brand; several widen the list.")
]
Tags = Annotated[
    list[str] | None, QueryParameter(required=False, name="tag", description="Tag; several narrow the list.")
]
Options = Annotated[
    list[str] | None,
    QueryParameter(
        required=False,
        name="option",
        description="`Name:value`, such as `Size:M`; values of one name widen, names narrow.",
    ),
]
Price = Annotated[int | None, QueryParameter(required=False, ge=0, le=MAX_AMOUNT, description="Minor units.")]
Rating = Annotated[
    int | None, QueryParameter(required=False, ge=1, le=5, description="Rated so by customers, or better.")
]
Facets = Annotated[
    bool | None, QueryParameter(required=False, description="Facets; counted on the first page unless told otherwise.")
]


@get(
    "/categories",
    guards=[public],
    tags=["catalogue"],
    operation_id="listCategories",
    summary="The category tree",
    responses=documents(views.CategoryTree, "All categories, nested."),
)
async def list_categories(request: Request[Any, Any, Any]) -> Response[Any]:
    """Every active category with the number of products in and below it."""
    return json_document(request, await catalog.category_tree())


@get(
    "/products",
    guards=[public],
    tags=["catalogue"],
    operation_id="listProducts",
    summary="List and search products",
    responses=documents(views.ProductPage, "A page of products.") | problems(404),
)
async def list_products(
    request: Request[Any, Any, Any],
    category: Category = None,
    q: Search = None,
    brands: Brands = None,
    tags: Tags = None,
    options: Options = None,
    min_price: Price = None,
    max_price: Price = None,
    min_rating: Rating = None,
    in_stock: FromQuery[bool] = False,
    on_sale: FromQuery[bool] = False,
    featured: FromQuery[bool] = False,
    sort: FromQuery[Sort] = "featured",
    facets: Facets = None,
    limit: Limit = 24,
    cursor: Cursor = None,
) -> Response[Any]:
    """Families and simple products; a family is found when one of its variants fulfils every filter."""
    wanted = ProductFilter(
        category=category,
        q=q or None,
        brands=tuple(brands or ()),
        tags=tuple(tags or ()),
        options=tuple(option_of(text) for text in options or ()),
        min_price=min_price,
        max_price=max_price,
        min_rating=min_rating,
        in_stock=in_stock,
        on_sale=on_sale,
        featured=featured,
        sort=sort,
        limit=limit,
        cursor=cursor,
        facets=cursor is None if facets is None else facets,
    )
    return json_document(request, await catalog.list_products(wanted))


def option_of(text: str) -> tuple[str, str]:
    """An option as it is asked for. Raises `Invalid` naming `option`."""
    name, colon, value = text.partition(":")
    if not (colon and name and value):
        raise Invalid("option", "An option is a name and a value, such as Size:M.")
    return name, value


@get(
    "/products/{slug:str}",
    guards=[public],
    tags=["catalogue"],
    operation_id="getProduct",
    summary="Read a product",
    responses=documents(views.ProductDetail, "The product.") | problems(404),
)
async def read_product(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """A product or family with its variants, pictures and the way to it."""
    return json_document(request, await catalog.get_product(slug))


@get(
    "/services",
    guards=[public],
    tags=["catalogue"],
    operation_id="listServices",
    summary="List services",
    responses=documents(views.ServicePage, "A page of services.") | problems(404),
)
async def list_services(
    request: Request[Any, Any, Any], category: Category = None, limit: Limit = 24, cursor: Cursor = None
) -> Response[Any]:
    """Featured ones first, then by name."""
    return json_document(request, await services.list_services(category, limit=limit, cursor=cursor))


@get(
    "/services/{slug:str}",
    guards=[public],
    tags=["catalogue"],
    operation_id="getService",
    summary="Read a service",
    responses=documents(views.ServiceDetail, "The service.") | problems(404),
)
async def read_service(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """When it can be booked, who performs it and what cancelling costs."""
    return json_document(request, await services.get_service(slug))


@get(
    "/plans",
    guards=[public],
    tags=["catalogue"],
    operation_id="listPlans",
    summary="List plans",
    responses=documents(views.PlanList, "The plans on offer."),
)
async def list_plans(request: Request[Any, Any, Any]) -> Response[Any]:
    """Memberships side by side, in the shop's order."""
    return json_document(request, await plans.list_plans())


@get(
    "/plans/{slug:str}",
    guards=[public],
    tags=["catalogue"],
    operation_id="getPlan",
    summary="Read a plan",
    responses=documents(views.PlanDetail, "The plan.") | problems(404),
)
async def read_plan(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """What a membership gives and costs."""
    return json_document(request, await plans.get_plan(slug))


routes: list[Any] = [
    list_categories,
    list_products,
    read_product,
    list_services,
    read_service,
    list_plans,
    read_plan,
]
