"""The documents of the public catalogue, for the API description. PostgreSQL writes them; these types only tell."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

Slug = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", examples=["merino-jersey"])]
Minor = Annotated[int, msgspec.Meta(ge=0, description="Minor units (cents).", examples=[8900])]
Currency = Annotated[str, msgspec.Meta(description="ISO 4217 code of all amounts.", examples=["EUR"])]
Left = Annotated[int | None, msgspec.Meta(description="Units left; null where stock is not tracked.", examples=[7])]
FewLeft = Annotated[
    int | None, msgspec.Meta(description="Units left when three or fewer are; else null.", examples=[2])
]
NextCursor = Annotated[str | None, msgspec.Meta(description="Send it as `cursor` for the next page; null on the last.")]
Lowest = Annotated[
    int | None,
    msgspec.Meta(description="Lowest price of the 30 days before the reduction; null without one, or a history."),
]
Number = Annotated[int, msgspec.Meta(ge=0, examples=[3])]


class Named(msgspec.Struct, frozen=True):
    """A category by slug and name."""

    slug: Slug
    name: str


class Picture(msgspec.Struct, frozen=True):
    """A picture: its address and what it shows; size in pixels and first address, if it came from another host."""

    src: Annotated[str, msgspec.Meta(examples=["/media/demo/merino-jersey.svg"])]
    alt: str = ""
    width: int | None = None
    height: int | None = None
    source: str | None = None


class CategoryNode(msgspec.Struct, frozen=True):
    """A category of the tree. `product_count` includes what stands below it."""

    slug: Slug
    name: str
    description: str | None
    image: Picture | None
    product_count: Number
    children: list["CategoryNode"]


class CategoryTree(msgspec.Struct, frozen=True):
    """All categories."""

    items: list[CategoryNode]


class Option(msgspec.Struct, frozen=True):
    """What a family can be chosen by."""

    name: Annotated[str, msgspec.Meta(examples=["Size"])]
    values: Annotated[list[str], msgspec.Meta(examples=[["S", "M", "L"]])]


class ProductItem(msgspec.Struct, frozen=True):
    """A product or a family of variants. A family's `price` is the lowest of its variants, `price_max` the highest."""

    id: UUID
    slug: Slug
    name: str
    brand: str | None
    product_type: Literal["physical", "digital"]
    category: Named | None
    price: Minor
    price_max: Minor
    compare_at_price: Minor | None
    lowest_price_30_days: Lowest
    in_stock: bool
    few_left: FewLeft
    image: Picture | None
    options: list[Option]
    variant_count: Number
    is_featured: bool
    rating_average: float | None
    rating_count: Number


class CategoryFacet(msgspec.Struct, frozen=True):
    """A category and how many products it would leave. `path`: slugs from the root."""

    slug: Slug
    name: str
    path: Annotated[str, msgspec.Meta(examples=["clothing/jerseys"])]
    count: Number


class ValueFacet(msgspec.Struct, frozen=True):
    """A value and how many products it would leave."""

    value: str
    count: Number


class OptionFacet(msgspec.Struct, frozen=True):
    """The values of one option."""

    name: str
    values: list[ValueFacet]


class PriceBounds(msgspec.Struct, frozen=True):
    """The lowest and highest price; null when nothing is left."""

    min: Minor | None
    max: Minor | None


class RatingFacet(msgspec.Struct, frozen=True):
    """How many products are rated so or better."""

    min_rating: Annotated[int, msgspec.Meta(ge=1, le=5)]
    count: Number


class Facets(msgspec.Struct, frozen=True):
    """What each further filter would leave; a facet leaves its own filter out. `total` counts the products found."""

    total: Number
    categories: list[CategoryFacet]
    brands: list[ValueFacet]
    options: list[OptionFacet]
    price: PriceBounds
    ratings: list[RatingFacet]
    in_stock: Number
    on_sale: Number


class ProductPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page of products."""

    currency: Currency
    items: list[ProductItem]
    next_cursor: NextCursor
    facets: Facets | msgspec.UnsetType = msgspec.UNSET


class Variant(msgspec.Struct, frozen=True):
    """One thing that can be bought out of a family."""

    id: UUID
    sku: str
    slug: Slug
    name: str
    options: Annotated[dict[str, str], msgspec.Meta(examples=[{"Size": "M"}])]
    price: Minor
    compare_at_price: Minor | None
    lowest_price_30_days: Lowest
    in_stock: bool
    available: Left
    image: Picture | None
    weight_grams: int | None
    barcode: str | None


class File(msgspec.Struct, frozen=True):
    """A file the buyer may download after paying."""

    name: str
    content_type: str
    size_bytes: Number


class ProductDetail(msgspec.Struct, frozen=True):
    """A product or family. What is bought is the product itself or, where there are any, one of its `variants`."""

    currency: Currency
    id: UUID
    slug: Slug
    sku: str | None
    name: str
    description: Annotated[str | None, msgspec.Meta(description="HTML of text marks, lists, tables and links only.")]
    brand: str | None
    product_type: Literal["physical", "digital"]
    category: Named | None
    breadcrumb: list[Named]
    price: Minor
    price_max: Minor
    compare_at_price: Minor | None
    lowest_price_30_days: Lowest
    tax_class: str
    in_stock: bool
    available: Left
    images: list[Picture]
    options: list[Option]
    variants: list[Variant]
    files: list[File]
    attributes: dict[str, Any]
    tags: list[str]
    weight_grams: int | None
    barcode: str | None
    is_featured: bool
    seo_title: str | None
    seo_description: str | None
    rating_average: float | None
    rating_count: Number


class ServiceItem(msgspec.Struct, frozen=True):
    """Something done for a customer at a time. `capacity` above 1 is a class."""

    id: UUID
    slug: Slug
    name: str
    service_type: Literal["one_time", "recurring", "subscription", "consultation"]
    category: Named | None
    price: Minor
    duration_minutes: int | None
    capacity: int
    image: Picture | None
    is_featured: bool
    rating_average: float | None
    rating_count: Number


class ServicePage(msgspec.Struct, frozen=True):
    """A page of services."""

    currency: Currency
    items: list[ServiceItem]
    next_cursor: NextCursor


class Cancellation(msgspec.Struct, frozen=True):
    """Free until `window_minutes` before the start; after that `fee_percentage` of the price is kept."""

    window_minutes: int
    fee_percentage: float


class Performer(msgspec.Struct, frozen=True):
    """Who or what performs the service."""

    slug: Slug
    name: str
    kind: Literal["person", "room", "equipment"]


class ServiceDetail(ServiceItem, frozen=True):
    """A service. `availability`: weekday → windows of local time in `timezone`."""

    currency: Currency
    description: str | None
    tax_class: str
    is_duration_custom: bool
    step_minutes: int
    notice_minutes: int
    max_bookings_per_day: int | None
    availability: Annotated[dict[str, list[list[str]]], msgspec.Meta(examples=[{"monday": [["09:00", "17:00"]]}])]
    timezone: Annotated[str, msgspec.Meta(examples=["Europe/Berlin"])]
    cancellation: Cancellation
    images: list[Picture]
    attributes: dict[str, Any]
    resources: list[Performer]


class Feature(msgspec.Struct, frozen=True):
    """What a plan gives: a flag, a limit or a text."""

    key: str
    type: Literal["flag", "limit", "text"]
    value: Any


class Plan(msgspec.Struct, frozen=True):
    """A membership on offer; `price` is due every `interval_count` × `billing_interval`."""

    id: UUID
    slug: Slug
    name: str
    description: str | None
    price: Minor
    tax_class: str
    billing_interval: Literal["day", "week", "month", "year"]
    interval_count: int
    trial_days: int
    features: list[Feature]
    images: list[Picture]
    version: int


class PlanList(msgspec.Struct, frozen=True):
    """The plans on offer."""

    currency: Currency
    items: list[Plan]


class PlanDetail(Plan, frozen=True):
    """A plan."""

    currency: Currency
