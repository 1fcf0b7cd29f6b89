"""Memberships: side by side, and the page of one with what it gives and how to join."""

from typing import Any

from litestar import MediaType, Request, Response, get

from lex.core import codec
from lex.core.money import major
from lex.subscriptions import queries as plans
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.templates import gettext
from lex.web.kit.texts import find_text
from lex.web.storefront.frame import answer, frame
from lex.web.storefront.seo import Seo, absolute, breadcrumb, linked_data, own, plain


@get("/memberships", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def membership_list(request: Request[Any, Any, Any]) -> Response[str]:
    """All memberships on offer."""
    found: dict[str, Any] = codec.decode(await plans.list_plans())
    seo = Seo(gettext("Memberships"), path="/memberships")
    given = {plan["slug"]: gifts(plan) for plan in found["items"]}
    return answer(request, "shop/memberships.html", await frame(), seo=seo, found=found, given=given)


@get("/memberships/{slug:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def membership(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """A membership: price and period, what it gives, how it begins and ends."""
    shown: dict[str, Any] = codec.decode(await plans.get_plan(slug))
    path = f"/memberships/{slug}"
    steps = [(gettext("Memberships"), "/memberships")]
    image = own(shown["images"][0] if shown["images"] else None)
    data = linked_data(_data(shown, path, image), breadcrumb([*steps, (shown["name"], path)]))
    seo = Seo(shown["name"], plain(shown["description"]), path, image, data=data)
    facts = {"seo": seo, "steps": steps, "given": gifts(shown), "contact": find_text("contact")}
    return answer(request, "shop/membership.html", await frame(), plan=shown, **facts)


def gifts(plan: dict[str, Any]) -> list[str]:
    """What a membership gives, in words: `inspections_per_year` 2 is “Inspections: 2 a year”."""
    return [_gift(feature) for feature in plan["features"] or () if feature.get("value") not in (False, None, "")]


def _gift(feature: dict[str, Any]) -> str:
    key, value = str(feature.get("key", "")), feature["value"]
    if value is True:
        return _words(key)
    for ending, pattern in (
        ("_percent", gettext("%(what)s: %(value)s %%")),
        ("_per_year", gettext("%(what)s: %(value)s a year")),
        ("_per_month", gettext("%(what)s: %(value)s a month")),
    ):
        if key.endswith(ending):
            return pattern % {"what": _words(key.removesuffix(ending)), "value": value}
    return f"{_words(key)}: {value}"


def _words(key: str) -> str:
    return key.replace("_", " ").strip().capitalize()


def _data(shown: dict[str, Any], path: str, image: str) -> dict[str, Any]:
    codes = {"day": "DAY", "week": "WEE", "month": "MON", "year": "ANN"}
    price = {"price": str(major(shown["price"], shown["currency"])), "priceCurrency": shown["currency"]}
    period = {"billingDuration": shown["interval_count"], "unitCode": codes[shown["billing_interval"]]}
    data: dict[str, Any] = {
        "@type": "Service",
        "name": shown["name"],
        "description": plain(shown["description"], 5000),
        "url": absolute(path),
        "offers": {
            "@type": "Offer",
            **price,
            "url": absolute(path),
            "priceSpecification": {"@type": "UnitPriceSpecification", **price, **period},
        },
    }
    if image:
        data["image"] = absolute(image)
    return data


routes: list[Any] = [membership_list, membership]
