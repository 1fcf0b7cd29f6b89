"""What a list's address asks for: filters, sort and place, read from its query; and addresses that ask for less."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from litestar import Request
from litestar.datastructures import MultiDict

from lex.catalog.listing import ProductFilter
from lex.core import money
from lex.core.errors import Invalid
from lex.core.settings import settings

PAGE = 24
_SEVERAL = ("brand", "tag", "option")
_FLAGS = ("in_stock", "on_sale")
_SINGLE = ("q", "kind", "category", "min_price", "max_price", "min_rating", *_FLAGS, "sort")
#: In the address, yet not a filter that a chip removes.
NO_FILTERS = frozenset({"q", "kind", "sort"})
_TRUE, _FALSE = ("1", "true", "on", "yes"), ("0", "false", "off", "no")
#: More of one name than any page offers.
_MOST = 50

F = TypeVar("F", bound=ProductFilter)


@dataclass(frozen=True, slots=True)
class Asked(Generic[F]):
    """The query of a list. Amounts are in major units, as people write them; `pairs` are what it asks for, in order."""

    path: str
    wanted: F
    pairs: tuple[tuple[str, str], ...]

    def address(self, without: tuple[str, str] | None = None, **changed: str) -> str:
        """The list with one filter less, or with a parameter set ("" takes it out); always from its start."""
        kept = [pair for pair in self.pairs if pair != without and pair[0] not in changed]
        query = urlencode([*kept, *((name, value) for name, value in changed.items() if value)])
        return f"{self.path}?{query}" if query else self.path

    def has(self, name: str, value: str) -> bool:
        """Whether it is asked for."""
        return (name, value) in self.pairs

    def value(self, name: str) -> str:
        """The value under a name, empty when there is none."""
        return next((value for key, value in self.pairs if key == name), "")

    @property
    def plain(self) -> str:
        """The address without filters."""
        kept = [pair for pair in self.pairs if pair[0] in NO_FILTERS]
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is in use."""
        return any(name not in NO_FILTERS for name, _ in self.pairs)


def read(request: Request[Any, Any, Any], path: str, filters: type[F], **fixed: Any) -> Asked[F]:
    """The query of a list at `path`; `fixed` is what the page itself sets. Raises `Invalid` naming what cannot be used.

    Unknown names are left alone: addresses get parameters from whoever shares them.
    """
    query = request.query_params
    several = {name: _several(query, name) for name in _SEVERAL}
    single = {name: _one(query, name) for name in _SINGLE}
    pairs = [(name, text) for name, texts in several.items() for text in texts]
    if len(pairs) > _MOST:
        raise Invalid("option", f"Those are too many filters at once; use at most {_MOST}.")
    flags = {name: _flag(name, single[name]) for name in _FLAGS}
    shown = {**single, **{name: "1" if on else "" for name, on in flags.items()}}
    pairs += [(name, text) for name, text in shown.items() if text and name not in fixed and _is_of(filters, name)]
    values: dict[str, Any] = {
        "q": single["q"] or None,
        "category": single["category"] or None,
        "brands": several["brand"],
        "tags": several["tag"],
        "options": tuple(_option(text) for text in several["option"]),
        "min_price": _price("min_price", single["min_price"]),
        "max_price": _price("max_price", single["max_price"]),
        "min_rating": _stars(single["min_rating"]),
        "limit": PAGE,
        "cursor": _one(query, "cursor") or None,
        "facets": not is_part(request),
        **flags,
        **{name: single[name] for name in ("kind", "sort") if single[name] and _is_of(filters, name)},
        **fixed,
    }
    wanted = filters(**values)
    wanted.check()
    return Asked(path, wanted, tuple(pairs))


def is_part(request: Request[Any, Any, Any]) -> bool:
    """Whether a script asks for the next entries of a list that is on the page already."""
    return "hx-request" in request.headers and "cursor" in request.query_params


def _is_of(filters: type[ProductFilter], name: str) -> bool:
    return name in filters.__dataclass_fields__


def _several(query: MultiDict[Any], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for value in query.getall(name, []) if (text := str(value).strip())))


def _one(query: MultiDict[Any], name: str) -> str:
    values = query.getall(name, [])
    return str(values[-1]).strip() if values else ""


def _flag(name: str, text: str) -> bool:
    if text and text.lower() not in (*_TRUE, *_FALSE):
        raise Invalid(name, "Write 1 for yes, or leave it out.")
    return text.lower() in _TRUE


def _price(name: str, text: str) -> int | None:
    """An amount as people write it: 20, 19.90 or 19,90."""
    if not text:
        return None
    price = money.minor(text.replace(",", "."), settings().currency, name)
    if price < 0:
        raise Invalid(name, "A price is not below zero; write it as 19.90.")
    return price


def _stars(text: str) -> int | None:
    if not text:
        return None
    if text not in ("1", "2", "3", "4", "5"):
        raise Invalid("min_rating", "A rating is a whole number from 1 to 5.")
    return int(text)


def _option(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (colon and name and value):
        raise Invalid("option", "An option is a name and a value, such as Size:M.")
    return name, value
