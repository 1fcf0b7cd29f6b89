"""What a list's address asks for: filters, sort and place, read from its query; and addresses that ask for less."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar.datastructures import MultiDict

from lex.catalog.listing import ProductFilter
from lex.core import money
from lex.core.errors import Invalid
from lex.core.settings import settings

PAGE = 24
#: What narrows a list, in the order its chips stand in.
_FLAGS = ("in_stock", "on_sale")
_TRUE, _FALSE = ("1", "true", "on", "yes"), ("0", "false", "off", "no")
#: More of one name than any page offers.
_MOST = 50


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in use: what it is called, and the address without it."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The query of a list. Amounts are in major units, as people write them; `pairs` are the filters, in order."""

    path: str
    wanted: ProductFilter
    pairs: tuple[tuple[str, str], ...]

    def address(self, *, without: tuple[str, str] | None = None, **changed: str) -> str:
        """The list with one filter less, or with a parameter set; always from its start."""
        pairs = [pair for pair in self.pairs if pair != without and pair[0] not in changed]
        query = urlencode([*pairs, *changed.items()])
        return f"{self.path}?{query}" if query else self.path

    def values(self, name: str) -> list[str]:
        """The values in use under a name."""
        return [value for key, value in self.pairs if key == name]

    def value(self, name: str) -> str:
        """The value in use under a name, empty when there is none."""
        return next((value for key, value in self.pairs if key == name), "")

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is in use, other than words, category and sort."""
        return any(name not in ("q", "sort") for name, _ in self.pairs)


def read(path: str, query: MultiDict[Any], category: str | None = None) -> Asked:
    """The query of a list of products. Raises `Invalid` naming each field that cannot be used.

    Unknown names are left alone: addresses get parameters from whoever shares them.
    """
    texts = {name: [str(text).strip() for text in query.getall(name, [])] for name in ("brand", "tag", "option")}
    options = tuple(_option(text) for text in texts["option"] if text)
    pairs: list[tuple[str, str]] = [(name, text) for name in texts for text in dict.fromkeys(texts[name]) if text]
    if len(pairs) > _MOST:
        raise Invalid("option", f"Those are too many filters at once; use at most {_MOST}.")
    single = {name: _one(query, name) for name in ("q", "min_price", "max_price", *_FLAGS, "sort")}
    pairs += [(name, text) for name, text in single.items() if text and not (name in _FLAGS and text in _FALSE)]
    wanted = ProductFilter(
        category=category,
        q=single["q"] or None,
        brands=tuple(dict.fromkeys(text for text in texts["brand"] if text)),
        tags=tuple(dict.fromkeys(text for text in texts["tag"] if text)),
        options=tuple(dict.fromkeys(options)),
        min_price=_price("min_price", single["min_price"]),
        max_price=_price("max_price", single["max_price"]),
        in_stock=_flag("in_stock", single["in_stock"]),
        on_sale=_flag("on_sale", single["on_sale"]),
        sort=single["sort"] or "featured",
        limit=PAGE,
        cursor=_one(query, "cursor") or None,
    )
    wanted.check()
    return Asked(path, wanted, tuple(pairs))


def _one(query: MultiDict[Any], name: str) -> str:
    values = query.getall(name, [])
    return str(values[-1]).strip() if values else ""


def _flag(name: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text and text.lower() not in _FALSE:
        raise Invalid(name, "Write 1 for yes, or leave it out.")
    return False


def _price(name: str, text: str) -> int | None:
    """An amount as people write it: 20, 19.90 or 19,90."""
    return money.minor(text.replace(",", "."), settings().currency, name) if text else None


def _option(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (colon and name and value):
        raise Invalid("option", "An option is a name and a value, such as Size:M.")
    return name, value
