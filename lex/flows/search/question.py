"""What may be asked of a search, and the statement that answers it as finished JSON. Each shape is built once.

Products are found by the filters of the product list. Services and plans know no options, brands or reductions: a
search that asks for these finds products only. They are always in stock, and a plan has no rating.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, LiteralString, get_args
from uuid import UUID

from lex.catalog.facets import facets_of
from lex.catalog.filters import CODED, FOUND, KNOWN_CATEGORY, NAMED, OF_PRODUCT, RELEVANCE, TEXTS, offered
from lex.catalog.listing import ProductFilter, values_of
from lex.catalog.parts import LISTED
from lex.core import cursors
from lex.core.errors import FieldError, Invalid
from lex.db.searching import QUERY, rank
from lex.flows.search.items import ITEMS

Kind = Literal["product", "service", "plan"]
KINDS: tuple[str, ...] = get_args(Kind)
Sort = Literal["relevance", "price", "-price", "rating", "newest", "name"]
SORTS: tuple[str, ...] = get_args(Sort)
#: Characters of a search; more is no question.
LONGEST = 200

#: sort → its key as columns of a hit, how they run, and what a cursor carries
_ORDER: dict[str, tuple[tuple[LiteralString, ...], LiteralString, tuple[type, ...]]] = {
    "relevance": (("rank", "id"), "ASC", (int, UUID)),
    "price": (("price", "id"), "ASC", (Decimal, UUID)),
    "-price": (("price", "id"), "DESC", (Decimal, UUID)),
    "rating": (("rating", "id"), "DESC", (Decimal, UUID)),
    "newest": (("id",), "DESC", (UUID,)),
    "name": (("name", "id"), "ASC", (str, UUID)),
}
#: What services (`s`) and plans (`s`, too) are asked for; a filter that is missing here finds none of them.
_OF_OTHERS: dict[str, dict[str, LiteralString]] = {
    "service": {
        "category": """s.category_id IN (SELECT id FROM service_categories
            WHERE slug = %(category)s AND deleted_at IS NULL AND is_active)""",
        "min_price": "s.price >= %(min_price)s::numeric",
        "max_price": "s.price <= %(max_price)s::numeric",
        "min_rating": "coalesce(s.rating_average >= %(min_rating)s, false)",
        "in_stock": "true",
        "q": "true",
    },
    "plan": {
        "min_price": "s.price >= %(min_price)s::numeric",
        "max_price": "s.price <= %(max_price)s::numeric",
        "in_stock": "true",
        "q": "true",
    },
}
_SERVED: LiteralString = "s.deleted_at IS NULL AND s.is_active"
_TABLES: dict[str, tuple[LiteralString, LiteralString, LiteralString, LiteralString]] = {
    "service": ("services", _SERVED, "s.category_id", "s.rating_average"),
    "plan": ("subscription_plans", f"{_SERVED} AND s.is_current", "NULL::uuid", "NULL::numeric"),
}
#: kind asked for → how many are found, of the counts
_TOTAL: dict[str | None, LiteralString] = {
    None: "every",
    "product": "every - service - plan",
    "service": "service",
    "plan": "plan",
}
_CODED: LiteralString = "(SELECT ids FROM coded)::uuid[]"
_NAMED: LiteralString = "(SELECT ids FROM named)::uuid[]"
_ASKED: LiteralString = "(SELECT query FROM asked)"
_KNOWN: LiteralString = f"""({KNOWN_CATEGORY} OR EXISTS (
    SELECT FROM service_categories WHERE slug = %(category)s AND deleted_at IS NULL AND is_active))"""
_SERVICE_GROUPS: LiteralString = """ UNION ALL
        SELECT id, slug, name, slug FROM service_categories WHERE deleted_at IS NULL AND is_active"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(ProductFilter):
    """What is searched for: the filters of the product list, over all kinds or one. `literal` takes the words as they
    are typed; otherwise a search that finds nothing is put right."""

    kind: str | None = None
    literal: bool = False
    sort: str = "relevance"

    @property
    def sorts(self) -> tuple[str, ...]:
        """What it may be sorted by."""
        return SORTS

    def check(self) -> None:
        """Raises `Invalid` with every bad field."""
        errors = list(self._errors())
        if errors:
            raise Invalid.of(errors)
        ProductFilter.check(self)

    def _errors(self) -> Iterator[FieldError]:
        if not self.q or not self.q.strip():
            yield FieldError("q", "It is empty; write what you look for.")
        if self.kind is not None and self.kind not in KINDS:
            yield FieldError("kind", f"Choose one of: {', '.join(KINDS)}; or leave it out.")


def question(wanted: Search, *, corrected: str | None = None, near: tuple[str, ...] = ()) -> tuple[LiteralString, Any]:
    """The statement and its parameters; `corrected` is asked instead of what was typed. Raises `Invalid`."""
    wanted.check()
    params = values_of(wanted) | {"asked": wanted.q, "q": corrected or wanted.q, "corrected": corrected}
    params |= {"near_words": list(near), "kind": wanted.kind}
    if wanted.cursor is not None:
        key = cursors.decode(wanted.cursor, wanted.sort, _ORDER[wanted.sort][2])
        params |= {f"after_{place}": part for place, part in enumerate(key)}
    return _statement(wanted.used, wanted.kind, wanted.sort, wanted.cursor is not None, wanted.facets), params


@lru_cache(maxsize=512)
def _statement(used: frozenset[str], kind: str | None, sort: str, continued: bool, facets: bool) -> LiteralString:
    key, direction, kinds = _ORDER[sort]
    order = ", ".join(f"{column} {direction}" for column in key)
    carried = [f"({name})::text" if type_ is Decimal else name for name, type_ in zip(key, kinds, strict=True)]
    cursor = cursors.SQL.format("json_build_array(" + ", ".join([f"'{sort}'", *carried]) + ")")
    conditions = ["kind = %(kind)s"] if kind else []
    if continued:
        mark: LiteralString = ">" if direction == "ASC" else "<"
        conditions.append(f"({', '.join(key)}) {mark} ({', '.join(f'%(after_{n})s' for n in range(len(key)))})")
    others = [name for name, asked in _OF_OTHERS.items() if used <= asked.keys()]
    hits = "\n    UNION ALL".join([_goods(used, sort), *(_others(name, used, sort) for name in others)])
    # The best are picked before they are numbered: numbering would sort all of them.
    statement = f"""
WITH asked AS MATERIALIZED (SELECT {QUERY} AS query
), coded AS MATERIALIZED (SELECT {CODED} AS ids
), named AS MATERIALIZED (SELECT {NAMED} AS ids
), hits AS MATERIALIZED ({_once(hits)}
), counts AS MATERIALIZED (
    SELECT count(*) AS every, count(*) FILTER (WHERE kind = 'service') AS service,
           count(*) FILTER (WHERE kind = 'plan') AS plan FROM hits
), page AS (
    SELECT *, row_number() OVER (ORDER BY {order}) AS place FROM (
        SELECT * FROM hits WHERE {" AND ".join(conditions) or "true"} ORDER BY {order} LIMIT %(limit)s + 1) best
)
SELECT json_build_object(
    'total', (SELECT {_TOTAL[kind]} FROM counts),
    'currency', %(currency)s::text, 'q', %(asked)s::text, 'corrected', %(corrected)s::text,
    'near_words', to_json(%(near_words)s::text[]),
    'kinds', (SELECT json_build_object('product', {_TOTAL["product"]}, 'service', service, 'plan', plan) FROM counts),
    'items', coalesce((SELECT json_agg(item) FROM ({ITEMS}) item), '[]'),
    'next_cursor', (SELECT {cursor} FROM page
        WHERE place = %(limit)s AND EXISTS (SELECT FROM page WHERE place > %(limit)s))
    {_once(_facets(used, kind, others)) if facets else ""})"""
    return f"{statement} WHERE {_KNOWN}" if "category" in used else statement


def _once(part: LiteralString) -> LiteralString:
    """With what was worked out at the head of the statement."""
    return part.replace(QUERY, _ASKED).replace(CODED, _CODED).replace(NAMED, _NAMED)


def _hit(kind: LiteralString, alias: LiteralString, rating: LiteralString, sort: str) -> LiteralString:
    """The columns of a hit: what it is sorted by costs something, so only that is worked out."""
    relevance: LiteralString = (
        RELEVANCE
        if alias == "p"
        else f"""({rank("s")} - CASE
        WHEN lower(s.name) = lower(btrim(%(q)s)) THEN 500000000 ELSE 0 END)"""
    )
    columns: dict[str, LiteralString] = {
        "relevance": f", {relevance} AS rank",
        "price": f", {alias}.price",
        "-price": f", {alias}.price",
        "rating": f", coalesce({rating}, 0) AS rating",
        "name": f", lower({alias}.name) AS name",
        "newest": "",
    }
    return f"""
    SELECT '{kind}'::text AS kind, {alias}.id{columns[sort]}"""


def _goods(used: frozenset[str], sort: str) -> LiteralString:
    hit = _hit("product", "p", "p.rating_average", sort)
    if used == {"q"} and sort in ("relevance", "newest"):
        return f"{hit} FROM {TEXTS} p WHERE {OF_PRODUCT['q']}"
    conditions = [LISTED, *(OF_PRODUCT[name] for name in OF_PRODUCT if name in used), offered(used)]
    return f"{hit} FROM products p WHERE {' AND '.join(conditions)}"


def _others(kind: LiteralString, used: frozenset[str], sort: str) -> LiteralString:
    table, served, _, rating = _TABLES[kind]
    conditions = [served, f"s.search @@ {QUERY}", *(_OF_OTHERS[kind][name] for name in used)]
    return f"""{_hit(kind, "s", rating, sort)} FROM {table} s WHERE {" AND ".join(conditions)}"""


def _facets(used: frozenset[str], kind: str | None, others: list[LiteralString]) -> LiteralString:
    """Facets over all that is searched."""
    more = tuple(_offers_of(name, used, name in others) for name in _TABLES if kind in (None, name))
    facets = facets_of(used, more, goods=kind in (None, "product"), categories=_SERVICE_GROUPS)
    return facets.replace(FOUND, "SELECT id FROM hits") if used == {"q"} else facets


def _offers_of(kind: LiteralString, used: frozenset[str], is_asked: bool) -> LiteralString:
    table, served, category, rating = _TABLES[kind]
    asked = _OF_OTHERS[kind] | dict.fromkeys(used - _OF_OTHERS[kind].keys(), "true")
    prices: LiteralString = " AND ".join(asked[name] for name in ("min_price", "max_price") if name in used) or "true"
    return f"""
        SELECT {category}, NULL, floor({rating})::smallint, {asked["category"] if "category" in used else "true"}, true,
               {asked["min_rating"] if "min_rating" in used else "true"}, s.price, s.price, {prices}, {prices}, false
        FROM {table} s WHERE {served} AND s.search @@ {QUERY}{"" if is_asked else " AND false"}"""
