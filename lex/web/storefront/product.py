"""The page of a product: its pictures, its variants as named choices, delivery in words, one button."""

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get
from litestar.params import QueryParameter

from lex.catalog import queries as catalog
from lex.core import codec
from lex.core.money import major
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.storefront.frame import answer, frame
from lex.web.storefront.seo import Seo, absolute, breadcrumb, linked_data, own, plain

Variant = Annotated[str, QueryParameter(required=False, max_length=200)]
#: Lengths of the numbers GS1 gives out; a barcode of another length is the shop's own.
_GTIN = (8, 12, 13, 14)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an option: where choosing it leads, and whether that can be bought."""

    value: str
    address: str
    is_chosen: bool
    in_stock: bool


@get("/products/{slug:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def product(request: Request[Any, Any, Any], slug: FromPath[str], variant: Variant = "") -> Response[str]:
    """A product, or a family with the variant that is wanted, else the first that is in stock."""
    shown: dict[str, Any] = codec.decode(await catalog.get_product(slug))
    around = await frame()
    path = f"/products/{slug}"
    chosen = _choose(shown["variants"], variant)
    images = _ordered(shown["images"], chosen)
    steps = [(step["name"], f"/categories/{step['slug']}") for step in shown["breadcrumb"]]
    seo = Seo(
        shown["seo_title"] or shown["name"],
        shown["seo_description"] or plain(shown["description"]),
        path,
        own(images[0] if images else None),
        "product",
        data=linked_data(_data(shown, path), breadcrumb([*steps, (shown["name"], path)])),
    )
    return answer(
        request,
        "shop/product.html",
        around,
        seo=seo,
        steps=steps,
        product=shown,
        chosen=chosen or shown,
        is_gone=bool(variant) and (chosen is None or chosen["slug"] != variant),
        images=images,
        options=_options(shown, chosen, path),
        facts={name: value for name, value in shown["attributes"].items() if isinstance(value, str | int | float)},
    )


def _choose(variants: list[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    """The wanted variant; else the first in stock, else the first; None for a product without variants."""
    found = next((variant for variant in variants if variant["slug"] == wanted), None)
    return found or next((variant for variant in variants if variant["in_stock"]), variants[0] if variants else None)


def _ordered(images: list[dict[str, Any]], chosen: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The pictures, that of the chosen variant first."""
    first = chosen["image"] if chosen else None
    if not first:
        return images
    return [first, *(image for image in images if image.get("src") != first.get("src"))]


def _options(shown: dict[str, Any], chosen: dict[str, Any] | None, path: str) -> list[tuple[str, str, list[Choice]]]:
    """Each option with the value chosen and all its values.

    Read from the first to the last: a value is sold out when nothing of it is left under what was chosen before it.
    """
    found = []
    kept = shown["variants"] if chosen else []
    for option in shown["options"] if chosen else []:
        name, value = option["name"], chosen["options"].get(option["name"], "") if chosen else ""
        choices = [_choice(shown, kept, chosen or {}, name, each, path) for each in option["values"]]
        found.append((name, str(value), [choice for choice in choices if choice is not None]))
        kept = _of(kept, name, value)
    return found


def _choice(
    shown: dict[str, Any], kept: list[dict[str, Any]], chosen: dict[str, Any], name: str, value: str, path: str
) -> Choice | None:
    """Choosing it keeps as much of the other choices as there is; None where no variant has it."""
    fitting = _of(kept, name, value) or _of(shown["variants"], name, value)
    if not fitting:
        return None
    nearest = max(fitting, key=lambda variant: (_alike(variant, chosen), variant["in_stock"]))
    in_stock = any(variant["in_stock"] for variant in fitting)
    return Choice(value, f"{path}?variant={nearest['slug']}", chosen["options"].get(name) == value, in_stock)


def _of(variants: list[dict[str, Any]], name: str, value: str) -> list[dict[str, Any]]:
    return [variant for variant in variants if variant["options"].get(name) == value]


def _alike(one: dict[str, Any], other: dict[str, Any]) -> int:
    """How many options two variants share."""
    return sum(one["options"].get(name) == value for name, value in other["options"].items())


def _data(shown: dict[str, Any], path: str) -> dict[str, Any]:
    """Product with an Offer for everything that can be bought."""
    data: dict[str, Any] = {
        "@type": "Product",
        "name": shown["name"],
        "description": plain(shown["description"], 5000),
        "url": absolute(path),
        "image": [absolute(source) for image in shown["images"] if (source := own(image))],
        "offers": [_offer(shown, item, path) for item in shown["variants"] or [shown]],
    }
    if shown["brand"]:
        data["brand"] = {"@type": "Brand", "name": shown["brand"]}
    if shown["sku"]:
        data["sku"] = shown["sku"]
    if shown["rating_count"]:
        rated = {"ratingValue": shown["rating_average"], "reviewCount": shown["rating_count"]}
        data["aggregateRating"] = {"@type": "AggregateRating", **rated}
    return data


def _offer(shown: dict[str, Any], item: dict[str, Any], path: str) -> dict[str, Any]:
    address = path if item is shown else f"{path}?variant={item['slug']}"
    barcode = item["barcode"] or ""
    return {
        "@type": "Offer",
        "sku": item["sku"],
        "price": str(major(item["price"], shown["currency"])),
        "priceCurrency": shown["currency"],
        "availability": f"https://schema.org/{'InStock' if item['in_stock'] else 'OutOfStock'}",
        "url": absolute(address),
        **({"gtin": barcode} if barcode.isdigit() and len(barcode) in _GTIN else {}),
    }


routes: list[Any] = [product]
