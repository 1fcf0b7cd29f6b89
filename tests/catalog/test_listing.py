"""The catalogue's documents: filters, facets, paging, and how many statements they take."""

import json
from typing import Any

import pytest

from lex.catalog import queries
from lex.catalog.listing import SORTS, ProductFilter
from lex.core.errors import Invalid, NotFound
from lex.core.settings import settings
from lex.db.session import CountingCursor
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")


async def _stock() -> None:
    await goods.family(
        "Merino jersey",
        {"S": (8000, 0), "M": (9000, 3)},
        category="Clothing > Jerseys",
        brand="Loom",
        tags=["wool", "summer"],
        description="Fine wool for long rides",
    )
    await goods.product("Bib shorts", price=11900, on_hand=2, category="Clothing > Shorts", brand="Loom")
    await goods.product("Bell", price=1900, compare_at_price=2400, on_hand=0, category="Parts", brand="Clang")
    await goods.product("Rags", price=450, on_hand=0, track_inventory=False, is_featured=True)
    await goods.product("Hidden", is_active=False)


async def _list(**wanted: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(await queries.list_products(ProductFilter(**wanted)))
    return document


async def _names(**wanted: Any) -> set[str]:
    return {item["name"] for item in (await _list(**wanted))["items"]}


async def test_the_list_shows_families_and_simple_products() -> None:
    await _stock()
    page = await _list()
    items = {item["name"]: item for item in page["items"]}
    assert set(items) == {"Merino jersey", "Bib shorts", "Bell", "Rags"}
    jersey = items["Merino jersey"]
    assert (jersey["price"], jersey["price_max"], jersey["few_left"], jersey["in_stock"]) == (8000, 9000, 3, True)
    assert jersey["options"] == [{"name": "Size", "values": ["S", "M"]}]
    assert jersey["category"] == {"slug": "jerseys", "name": "Jerseys"}
    assert (items["Bell"]["in_stock"], items["Bell"]["few_left"]) == (False, None)
    assert (items["Rags"]["in_stock"], items["Rags"]["few_left"]) == (True, None)
    assert page["currency"] == "EUR"
    assert page["items"][0]["name"] == "Rags"  # featured come first


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"category": "clothing"}, {"Merino jersey", "Bib shorts"}),
    ({"category": "jerseys"}, {"Merino jersey"}),
    ({"brands": ("Loom",)}, {"Merino jersey", "Bib shorts"}),
    ({"brands": ("Loom", "Clang")}, {"Merino jersey", "Bib shorts", "Bell"}),
    ({"tags": ("wool", "summer")}, {"Merino jersey"}),
    ({"tags": ("wool", "winter")}, set()),
    ({"options": (("Size", "M"),)}, {"Merino jersey"}),
    ({"options": (("Size", "S"), ("Size", "M")), "in_stock": True}, {"Merino jersey"}),
    ({"options": (("Size", "S"),), "in_stock": True}, set()),
    ({"options": (("Size", "M"),), "max_price": 8500}, set()),
    ({"in_stock": True}, {"Merino jersey", "Bib shorts", "Rags"}),
    ({"on_sale": True}, {"Bell"}),
    ({"featured": True}, {"Rags"}),
    ({"min_price": 1900, "max_price": 8500}, {"Merino jersey", "Bell"}),
    ({"q": "riding wool"}, {"Merino jersey"}),
    ({"q": "walking wool"}, set()),
    ({"q": "wool"}, {"Merino jersey"}),
    ({"q": "jerseys -wool"}, set()),
    ({"q": '"long rides"'}, {"Merino jersey"}),
    ({"q": "';--"}, set()),
    ({"q": "bell OR shorts"}, {"Bell", "Bib shorts"}),
]


async def test_filters() -> None:
    await _stock()
    for wanted, found in FILTERS:
        assert await _names(**wanted) == found, wanted
        assert await _names(**wanted, facets=False) == found, wanted
        assert (await _list(**wanted))["facets"]["total"] == len(found), wanted


async def test_facets_leave_their_own_filter_out() -> None:
    await _stock()
    facets = (await _list(brands=("Loom",)))["facets"]
    assert facets["brands"] == [{"value": "Loom", "count": 2}, {"value": "Clang", "count": 1}]
    assert [(one["path"], one["count"]) for one in facets["categories"]] == [
        ("clothing", 2),
        ("clothing/jerseys", 1),
        ("clothing/shorts", 1),
    ]
    assert facets["options"] == [{"name": "Size", "values": [{"value": "M", "count": 1}, {"value": "S", "count": 1}]}]
    assert facets["price"] == {"min": 8000, "max": 11900}
    assert (facets["in_stock"], facets["on_sale"]) == (2, 0)
    empty = (await _list(brands=("Nobody",)))["facets"]
    assert (empty["total"], empty["price"]) == (0, {"min": None, "max": None})


async def test_each_option_counts_what_it_would_leave() -> None:
    """A name of an option leaves its own values out, and no others."""
    for name, made in (
        ("Jersey", [("S", "Rust"), ("M", "Ink")]),
        ("Cap", [("M", "Rust")]),
        ("Bottle", [(None, "Ink")]),
    ):
        options = [{"name": "Colour", "values": ["Rust", "Ink"]}, {"name": "Size", "values": ["S", "M"]}]
        family = await goods.product(name, on_hand=0, options=options if made[0][0] else options[:1])
        for size, colour in made:
            chosen = {"Colour": colour} | ({"Size": size} if size else {})
            await goods.product(f"{name} {size} {colour}", variant_of=family, options=chosen)
    for asked in ((), (("Size", "M"),), (("Colour", "Rust"),), (("Size", "M"), ("Colour", "Ink")), (("Size", "S"),)):
        facets = (await _list(options=asked))["facets"]["options"]
        told = {(facet["name"], one["value"]): one["count"] for facet in facets for one in facet["values"]}
        for name, value in told:
            others = tuple(pair for pair in asked if pair[0] != name)
            assert told[name, value] == len(await _names(options=(*others, (name, value)))), (asked, name, value)
    assert len(told) == 3  # of what is S, its colour; of what sizes there are, both


async def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    for n in range(11):
        await goods.product(f"Thing {n:02}", price=1000 + n % 3, is_featured=n % 4 == 0, order=n % 2)
    for sort in SORTS:
        await _walk(sort, q="thing" if sort == "relevance" else None)


async def _walk(sort: str, q: str | None) -> None:
    whole = [item["name"] for item in (await _list(sort=sort, q=q, limit=100))["items"]]
    assert len(whole) == 11
    paged: list[str] = []
    cursor = None
    while True:
        page = await _list(sort=sort, q=q, limit=3, cursor=cursor)
        paged += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole


async def test_sorts_sort() -> None:
    await _stock()
    for sort, first in (("price", "Rags"), ("-price", "Bib shorts"), ("name", "Bell"), ("newest", "Rags")):
        assert (await _list(sort=sort, limit=1))["items"][0]["name"] == first


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"limit": 0}, "limit"),
    ({"limit": 101}, "limit"),
    ({"sort": "password"}, "sort"),
    ({"cursor": "x"}, "cursor"),
    ({"min_price": 10, "max_price": 5}, "min_price"),
    ({"min_price": -1}, "min_price"),
    ({"q": "a\0b"}, "q"),
    ({"category": "No Slug"}, "category"),
    ({"options": tuple((f"n{n}", str(n)) for n in range(30))}, "option"),
]


async def test_what_cannot_be_listed_is_named() -> None:
    for wanted, field in WRONG:
        with pytest.raises(Invalid) as refused:
            await queries.list_products(ProductFilter(**wanted))
        assert refused.value.errors[0].field == field


async def test_a_cursor_of_another_sort_is_refused() -> None:
    await _stock()
    cursor = (await _list(sort="price", limit=1))["next_cursor"]
    with pytest.raises(Invalid):
        await queries.list_products(ProductFilter(sort="name", cursor=cursor))


async def test_an_unknown_category_or_product_is_named() -> None:
    with pytest.raises(NotFound, match="“nowhere”"):
        await queries.list_products(ProductFilter(category="nowhere"))
    for slug in ("nothing", "No Slug", "a\0b"):
        with pytest.raises(NotFound):
            await queries.get_product(slug)


async def test_a_list_takes_one_statement_however_long() -> None:
    await _stock()
    sent: list[int] = []
    for _ in range(2):
        before = CountingCursor.sent
        await queries.list_products(ProductFilter(limit=100, category="parts"))
        await queries.list_products(ProductFilter(limit=100, facets=False))
        await queries.get_product("merino-jersey")
        await queries.category_tree()
        sent.append(CountingCursor.sent - before)
        if len(sent) == 1:
            for n in range(100):
                await goods.product(f"Spoke {n}", category="Parts", on_hand=1)
    assert sent == [4, 4]
    assert len((await _list(limit=100))["items"]) == 100


async def test_the_tree_nests_and_counts_what_stands_below() -> None:
    await _stock()
    await goods.run("UPDATE categories SET is_active = false WHERE slug = 'parts'")
    tree = json.loads(await queries.category_tree())
    (clothing,) = tree["items"]
    assert (clothing["slug"], clothing["product_count"]) == ("clothing", 2)
    assert [(child["slug"], child["product_count"]) for child in clothing["children"]] == [
        ("jerseys", 1),
        ("shorts", 1),
    ]


async def test_a_deep_and_wide_tree_stays_well_formed() -> None:
    for path in ("A > B > C > D", "A > E", "F", "G > H > I", "J"):
        await goods.product(path, category=path)

    def shape(nodes: list[dict[str, Any]]) -> dict[str, Any]:
        return {node["name"]: shape(node["children"]) for node in nodes}

    assert shape(json.loads(await queries.category_tree())["items"]) == {
        "A": {"B": {"C": {"D": {}}}, "E": {}},
        "F": {},
        "G": {"H": {"I": {}}},
        "J": {},
    }


async def test_a_product_shows_its_variants_and_the_way_to_it() -> None:
    await _stock()
    product = json.loads(await queries.get_product("merino-jersey"))
    assert [step["slug"] for step in product["breadcrumb"]] == ["clothing", "jerseys"]
    assert [(v["options"]["Size"], v["in_stock"], v["available"]) for v in product["variants"]] == [
        ("S", False, 0),
        ("M", True, 3),
    ]
    assert product["sku"] is None
    with pytest.raises(NotFound):
        await queries.get_product("hidden")
    with pytest.raises(NotFound):
        await queries.get_product("merino-jersey-s")  # a variant stands only within its family


async def test_a_family_without_anything_to_buy_is_not_listed() -> None:
    await _stock()
    await goods.run("UPDATE products SET is_active = false WHERE name LIKE 'Merino jersey %%'")
    assert "Merino jersey" not in await _names()
    assert {node["slug"]: node["product_count"] for node in json.loads(await queries.category_tree())["items"]} == {
        "clothing": 1,
        "parts": 1,
    }


async def test_a_currency_without_cents_has_whole_amounts(process: pytest.MonkeyPatch) -> None:
    process.setenv("LEX_CURRENCY", "JPY")
    settings.cache_clear()
    await goods.product("Bell", price=1999)
    page = await _list(min_price=1999, max_price=1999)
    assert [(item["price"], page["currency"]) for item in page["items"]] == [(1999, "JPY")]


async def test_ratings_filter_and_sort() -> None:
    await _stock()
    await goods.tamper("UPDATE products SET rating_average = 4.5 WHERE name = 'Bell'")
    await goods.tamper("UPDATE products SET rating_average = 3.2 WHERE name = 'Bib shorts'")
    assert await _names(min_rating=4) == {"Bell"}
    page = await _list(min_rating=3, sort="rating")
    assert [item["name"] for item in page["items"]] == ["Bell", "Bib shorts"]
    counts = {line["min_rating"]: line["count"] for line in page["facets"]["ratings"]}
    assert counts == {5: 0, 4: 1, 3: 2, 2: 2, 1: 2}


async def test_the_most_relevant_come_first_and_a_code_before_them() -> None:
    await _stock()
    await goods.product("Pannier", sku="WOOL", description="A bag.")
    await goods.product("Wool socks")
    page = await _list(q="wool", sort="relevance")
    assert [item["name"] for item in page["items"]] == ["Pannier", "Wool socks", "Merino jersey"]
    with pytest.raises(Invalid, match="fill in q"):
        await _list(sort="relevance")
