"""The documents of the search, for the API description. PostgreSQL writes them; these types only tell."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from lex.web.api.catalog_views import Currency, Facets, Lowest, Minor, Named, NextCursor, Number, Picture, Slug


class SearchItem(msgspec.Struct, frozen=True):
    """Something found. All kinds have the same members: what a kind does not know is null, `in_stock` then true."""

    kind: Literal["product", "service", "plan"]
    id: UUID
    slug: Slug
    name: str
    category: Named | None
    price: Minor
    price_max: Minor
    in_stock: bool
    image: Picture | None
    brand: str | None
    compare_at_price: Minor | None
    lowest_price_30_days: Lowest
    variant_count: Number
    rating_average: float | None
    rating_count: Number
    duration_minutes: int | None
    billing_interval: Literal["day", "week", "month", "year"] | None
    interval_count: int | None


class Kinds(msgspec.Struct, frozen=True):
    """How much of each kind is found under all filters but `kind`."""

    product: Number
    service: Number
    plan: Number


class SearchPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page of results. `corrected` is what was searched for instead of `q`, which found nothing; `literal=true` is
    the way back. `near_words` stand in for results: each of them finds something."""

    total: Number
    currency: Currency
    q: str
    corrected: Annotated[str | None, msgspec.Meta(examples=["brass bell"])]
    near_words: list[str]
    kinds: Kinds
    items: list[SearchItem]
    next_cursor: NextCursor
    facets: Facets | msgspec.UnsetType = msgspec.UNSET


class Suggestion(msgspec.Struct, frozen=True):
    """`text` to search for, or an entry or category to open by its `slug`."""

    kind: Literal["word", "category", "product", "service", "plan"]
    text: Annotated[str, msgspec.Meta(examples=["merino jersey"])]
    slug: str | None


class Suggestions(msgspec.Struct, frozen=True):
    """What may be meant, likeliest first, at most eight."""

    items: list[Suggestion]
