"""A list of entries as a page or as more of one: chips for the filters in use, and what search engines are told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from litestar import Request, Response

from lex.adapters import cached
from lex.core.settings import settings
from lex.core.wording import amount
from lex.web.kit.acting import acting
from lex.web.kit.caching import page_document
from lex.web.kit.signing import has_session
from lex.web.kit.templates import cart_count, gettext, page, render, stamp, stars_and_more
from lex.web.kit.texts import texts
from lex.web.storefront.asked import NO_FILTERS, Asked
from lex.web.storefront.frame import Frame
from lex.web.storefront.seo import absolute, breadcrumb, linked_data

#: Puts a page together: template, frame, what was found, and the page's own facts.
Shelf = Callable[..., str]

#: Pages are kept for carts of up to so many units: the number comes from a cookie, which may say anything.
_MOST_COUNTED = 9
_PLACES = {"product": "/products/", "service": "/services/", "plan": "/memberships/"}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in use: what it is called, and the address without it."""

    label: str
    address: str


async def kept(
    request: Request[Any, Any, Any], asked: Asked[Any], work: Callable[[Shelf], Awaitable[str]]
) -> Response[Any]:
    """The page of a list, kept while the catalogue stays as it is, for all who have as much in their carts
    and are signed in or not.

    `work` reads what the page shows and puts it together with the function it is given for this cart. Such a
    page holds nothing else of its visitor, no form token either.
    """
    count = cart_count(request)
    footer = [(text.name, text.title) for text in texts()]
    together = partial(work, partial(_shelf, asked, count))
    if count > _MOST_COUNTED or acting():
        return page_document(request, (await together()).encode())
    question = f"{asked} {count} {has_session()} {footer} {stamp()}"
    return page_document(request, await cached.render_page("list page", question, together))


def _shelf(asked: Asked[Any], count: int, template: str, around: Frame, found: dict[str, Any], **facts: Any) -> str:
    """The page of a list as HTML; `count` is what the cart holds."""
    facts = {"q": asked.value("q"), "about": "", "steps": [], "cart_count": count, **facts}
    shown = {"frame": around, "currency": settings().currency, "asked": asked, "found": found}
    return render(template, chips=_chips(asked, found), **shown, **facts)


def more(asked: Asked[Any], found: dict[str, Any]) -> Response[str]:
    """The next entries, for the end of the list on the page."""
    headers = {"Cache-Control": "private, no-cache", "Vary": "HX-Request"}
    return page("shop/more.html", headers=headers, asked=asked, found=found)


def is_indexed(asked: Asked[Any]) -> bool:
    """Only the whole list from its start: every further combination shows the same things."""
    return not asked.pairs and asked.wanted.cursor is None


def place_of(item: dict[str, Any]) -> str:
    """The path of an entry's page."""
    return _PLACES[item.get("kind", "product")] + str(item["slug"])


def list_data(found: dict[str, Any], steps: list[tuple[str, str]]) -> Any:
    """BreadcrumbList and ItemList of what is shown."""
    entries = [
        {"@type": "ListItem", "position": place, "url": absolute(place_of(item)), "name": item["name"]}
        for place, item in enumerate(found["items"], 1)
    ]
    return linked_data(breadcrumb(steps), {"@type": "ItemList", "itemListElement": entries})


def _chips(asked: Asked[Any], found: dict[str, Any]) -> list[Chip]:
    wanted, currency = asked.wanted, found["currency"]
    names = {entry["slug"]: entry["name"] for entry in found.get("facets", {}).get("categories", ())}
    words = {
        "category": names.get(wanted.category, wanted.category),
        "min_price": gettext("from %(price)s", price=amount(wanted.min_price or 0, currency)),
        "max_price": gettext("up to %(price)s", price=amount(wanted.max_price or 0, currency)),
        "min_rating": stars_and_more(wanted.min_rating or 0),
        "in_stock": gettext("In stock"),
        "on_sale": gettext("Reduced"),
    }
    return [
        Chip(words.get(name) or value.replace(":", ": ", 1), asked.address((name, value)))
        for name, value in asked.pairs
        if name not in NO_FILTERS
    ]
