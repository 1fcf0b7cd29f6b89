"""The list of products: what may be asked for, and the statement that answers it, facets and all, as finished JSON.

A filter holds when one thing that can be bought fulfils all of it: "size M, up to 50, in stock" finds a family only if
its M costs up to 50 and is in stock. Statements differ by which filters are used; each shape is built once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import product
from typing import Any, Literal, LiteralString, get_args
from uuid import UUID

from lex.catalog.facets import facets_of
from lex.catalog.filters import KNOWN_CATEGORY, OF_OFFER, OF_PRODUCT, RELEVANCE, offered
from lex.catalog.parts import ITEM, LISTED, LISTED_COLUMNS, VARIANTS
from lex.core import cursors, money
from lex.core.errors import FieldError, Invalid
from lex.core.settings import settings
from lex.core.texts import SLUG
from lex.db import sql

Sort = Literal["featured", "relevance", "newest", "price", "-price", "name", "rating"]
SORTS: tuple[str, ...] = get_args(Sort)
MOST = 100

#: sort → its key as columns, how they run, and what a cursor carries
_ORDER: dict[str, tuple[tuple[LiteralString, ...], LiteralString, tuple[type, ...]]] = {
    "featured": (("NOT p.is_featured", 'p."order"', "p.id"), "ASC", (bool, int, UUID)),
    "relevance": ((RELEVANCE, "p.id"), "ASC", (int, UUID)),
    "newest": (("p.id",), "DESC", (UUID,)),
    "price": (("p.price", "p.id"), "ASC", (Decimal, UUID)),
    "-price": (("p.price", "p.id"), "DESC", (Decimal, UUID)),
    "name": (("lower(p.name)", "p.id"), "ASC", (str, UUID)),
    "rating": (("coalesce(p.rating_average, 0)", "p.id"), "DESC", (Decimal, UUID)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilter:
    """What a list shows. Prices in minor units; several brands widen, several tags narrow, options narrow by name
    and widen by value. `facets` counts what every further filter would leave."""

    category: str | None = None
    q: str | None = None
    brands: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    min_price: int | None = None
    max_price: int | None = None
    min_rating: int | None = None
    in_stock: bool = False
    on_sale: bool = False
    featured: bool = False
    sort: str = "featured"
    limit: int = 24
    cursor: str | None = None
    facets: bool = True

    @property
    def sorts(self) -> tuple[str, ...]:
        """What it may be sorted by."""
        return SORTS

    @property
    def used(self) -> frozenset[str]:
        """The names of the filters that are set."""
        return frozenset(name for name in (*OF_PRODUCT, *OF_OFFER) if getattr(self, name) not in (None, False, ()))

    def check(self) -> None:
        """Raises `Invalid` with every bad field."""
        errors = [
            *([] if self.sort in self.sorts else [FieldError("sort", f"Sort by one of: {', '.join(self.sorts)}.")]),
            *([] if 1 <= self.limit <= MOST else [FieldError("limit", f"A page takes 1 to {MOST} entries.")]),
            *self._price_errors(),
            *self._rating_errors(),
            *self._text_errors(),
        ]
        if errors:
            raise Invalid.of(errors)

    def _price_errors(self) -> list[FieldError]:
        low, high = self.min_price, self.max_price
        errors = [
            FieldError(name, "A price lies between 0 and 9999999999 minor units.")
            for name, price in (("min_price", low), ("max_price", high))
            if price is not None and not 0 <= price <= money.MAX_AMOUNT
        ]
        if low is not None and high is not None and low > high:
            errors.append(FieldError("min_price", "The lowest price lies above the highest; swap them."))
        return errors

    def _rating_errors(self) -> Iterator[FieldError]:
        if self.min_rating is not None and not 1 <= self.min_rating <= 5:
            yield FieldError("min_rating", "A rating lies between 1 and 5.")
        if self.sort == "relevance" and not self.q:
            yield FieldError("sort", "Relevance needs words to be relevant to; fill in q.")

    def _text_errors(self) -> list[FieldError]:
        texts = [("q", self.q or ""), *(("brand", brand) for brand in self.brands), *(("tag", t) for t in self.tags)]
        texts += [("option", part) for pair in self.options for part in pair]
        errors = [FieldError(name, "It holds a NUL character; remove it.") for name, text in texts if "\0" in text]
        errors += [FieldError(name, "200 characters are the most.") for name, text in texts if len(text) > 200]
        if self.category is not None and not SLUG.fullmatch(self.category):
            errors.append(FieldError("category", "A category is named by its slug, such as jerseys."))
        if len(self._choices()) > 50:
            errors.append(FieldError("option", "Those are too many options at once; ask for fewer."))
        return errors

    def _choices(self) -> list[dict[str, str]]:
        """Every combination of one value per option name."""
        names = list(dict.fromkeys(name for name, _ in self.options))
        values = [[value for name, value in self.options if name == wanted] for wanted in names]
        if len(self.options) > 20:
            return [{}] * 51
        return [dict(zip(names, combination, strict=True)) for combination in product(*values)] if names else []


def question(wanted: ProductFilter) -> tuple[LiteralString, dict[str, Any]]:
    """The statement and its parameters. Raises `Invalid` with every bad field."""
    wanted.check()
    params = {**values_of(wanted), **_after(wanted)}
    return _statement(wanted.used, wanted.sort, wanted.cursor is not None, wanted.facets), params


def values_of(wanted: ProductFilter) -> dict[str, Any]:
    """The parameters that its filters name; amounts in major units."""
    currency = settings().currency
    return {
        "category": wanted.category,
        "q": wanted.q,
        "brands": list(wanted.brands),
        "tags": list(wanted.tags),
        "options": [sql.json(choice) for choice in wanted._choices()],
        "min_price": None if wanted.min_price is None else money.major(wanted.min_price, currency),
        "max_price": None if wanted.max_price is None else money.major(wanted.max_price, currency),
        "min_rating": wanted.min_rating,
        "limit": wanted.limit,
        "currency": currency,
        "scale": money.scale(currency),
    }


def _after(wanted: ProductFilter) -> Mapping[str, Any]:
    if wanted.cursor is None:
        return {}
    key = cursors.decode(wanted.cursor, wanted.sort, _ORDER[wanted.sort][2])
    return {f"after_{place}": part for place, part in enumerate(key)}


@lru_cache(maxsize=512)
def _statement(used: frozenset[str], sort: str, continued: bool, facets: bool) -> LiteralString:
    key, direction, _ = _ORDER[sort]
    conditions = [LISTED, *(OF_PRODUCT[name] for name in OF_PRODUCT if name in used), offered(used)]
    if continued:
        mark: LiteralString = ">" if direction == "ASC" else "<"
        places = ", ".join(f"%(after_{place})s" for place in range(len(key)))
        conditions.append(f"({', '.join(key)}) {mark} ({places})")
    order = ", ".join(f"{column} {direction}" for column in key)
    keys = ", ".join(f"{column} AS key_{place}" for place, column in enumerate(key))
    cursor = cursors.SQL.format("json_build_array(" + ", ".join([f"'{sort}'", *_cursor_key(sort)]) + ")")
    counts = facets_of(used) if facets else ""
    statement = f"""
WITH page AS (
    SELECT {LISTED_COLUMNS}, {keys}, row_number() OVER (ORDER BY {order}) AS place FROM products p
    WHERE {" AND ".join(conditions)} ORDER BY {order} LIMIT %(limit)s + 1
)
SELECT json_build_object(
    'currency', %(currency)s::text,
    'items', coalesce((SELECT json_agg(item) FROM (
        SELECT {ITEM} FROM page p
        LEFT JOIN categories c ON c.id = p.category_id AND c.deleted_at IS NULL AND c.is_active
        LEFT JOIN LATERAL ({VARIANTS}) v ON true
        WHERE p.place <= %(limit)s ORDER BY p.place) item), '[]'),
    'next_cursor', (SELECT {cursor} FROM page
        WHERE place = %(limit)s AND EXISTS (SELECT FROM page WHERE place > %(limit)s)){counts})"""
    return f"{statement} WHERE {KNOWN_CATEGORY}" if "category" in used else statement


def _cursor_key(sort: str) -> list[str]:
    """The key as JSON: a number as text, so that 19.90 comes back as it went."""
    return [f"key_{place}" + ("::text" if kind is Decimal else "") for place, kind in enumerate(_ORDER[sort][2])]
