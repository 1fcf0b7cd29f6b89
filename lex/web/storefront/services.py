"""Services: the list, and the page of one with its terms and how to book it."""

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import MediaType, Request, Response, get
from litestar.params import QueryParameter

from lex.core import codec
from lex.core.money import major
from lex.core.settings import settings
from lex.services import queries as services
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.paging import Cursor
from lex.web.kit.templates import gettext
from lex.web.kit.texts import find_text
from lex.web.storefront.frame import answer, frame
from lex.web.storefront.seo import Seo, absolute, breadcrumb, linked_data, own, plain

Group = Annotated[str | None, QueryParameter(required=False, description="Slug of a category of services.")]
_PAGE = 48
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@get("/services", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def service_list(request: Request[Any, Any, Any], category: Group = None, cursor: Cursor = None) -> Response[str]:
    """What can be booked, all of it or one category."""
    found: dict[str, Any] = codec.decode(
        await services.list_services(category or None, limit=_PAGE, cursor=cursor or None)
    )
    groups = {group["slug"]: group["name"] for group in found["groups"]}
    title = groups.get(category or "") or gettext("Services")
    seo = Seo(title, path="/services", is_indexed=not (category or cursor))
    kept = {"category": category} if category else {}
    onward = f"/services?{urlencode({**kept, 'cursor': found['next_cursor']})}" if found["next_cursor"] else ""
    facts = {"seo": seo, "title": title, "groups": groups, "group": category or "", "onward": onward}
    return answer(request, "shop/services.html", await frame(), found=found, **facts)


@get("/services/{slug:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def service(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """A service: how long, how much, with whom, when, how to book, and what cancelling costs."""
    shown: dict[str, Any] = codec.decode(await services.get_service(slug))
    path = f"/services/{slug}"
    steps = [(gettext("Services"), "/services")]
    if group := shown["category"]:
        steps.append((group["name"], f"/services?category={group['slug']}"))
    image = own(shown["images"][0] if shown["images"] else None)
    data = linked_data(_data(shown, path, image), breadcrumb([*steps, (shown["name"], path)]))
    seo = Seo(shown["name"], plain(shown["description"]), path, image, data=data)
    hours = [(place, shown["availability"][day]) for place, day in enumerate(DAYS) if shown["availability"].get(day)]
    facts = {"seo": seo, "steps": steps, "hours": hours, "contact": find_text("contact")}
    return answer(request, "shop/service.html", await frame(), service=shown, **facts)


def _data(shown: dict[str, Any], path: str, image: str) -> dict[str, Any]:
    offer = {"@type": "Offer", "price": str(major(shown["price"], shown["currency"]))}
    data: dict[str, Any] = {
        "@type": "Service",
        "name": shown["name"],
        "description": plain(shown["description"], 5000),
        "url": absolute(path),
        "provider": {"@type": "Organization", "name": settings().shop_name, "url": absolute("/")},
        "offers": {**offer, "priceCurrency": shown["currency"], "url": absolute(path)},
    }
    if image:
        data["image"] = absolute(image)
    return data


routes: list[Any] = [service_list, service]
