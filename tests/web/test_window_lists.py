"""Lists: filters in the address, chips that take them out, paging that works as a link, and what cannot be asked."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support import goods
from tests.support.rows import Rows
from tests.web.conftest import Client
from tests.web.window import HTML, Page, see


@pytest.fixture
async def shop(client: Client, database_url: str) -> Client:
    """Thirty things and a family."""
    for n in range(1, 31):
        brand = "Riegel" if n % 2 else "Nachtrad"
        await goods.product(f"Thing {n:02}", sku=f"t{n}", price=n * 100, category="All > Things", brand=brand)
    await goods.family("Jersey", {"S": (5000, 0), "M": (6000, 3)}, category="All > Wear")
    return client


def shown(page: Page) -> list[str]:
    return [link.removeprefix("/products/") for link in page.links if link.startswith("/products/")]


def onward(page: Page) -> str:
    return next(attrs["href"] for attrs in page.all("a") if "data-more" in attrs)


async def test_a_category_shows_what_is_below_it_and_leads_further(shop: Client) -> None:
    page = await see(shop, "/categories/all")
    assert "31 articles" in page.words
    assert {"/categories/things", "/categories/wear"} <= set(page.links)
    assert page.title == "All · Spoke & Thread"
    assert page.all("link", rel="canonical")[0]["href"].endswith("/categories/all")
    below = await see(shop, "/categories/wear")
    assert shown(below) == ["jersey"]
    assert "/categories/all" in below.links
    assert [step["name"] for step in below.thing("BreadcrumbList")["itemListElement"]] == ["All", "Wear"]


async def test_filters_live_in_the_address_and_each_can_be_taken_out(shop: Client) -> None:
    asked = "/categories/all?brand=Riegel&min_price=5&max_price=10,50&in_stock=on&sort=-price&utm_source=mail"
    page = await see(shop, asked)
    assert shown(page) == ["thing-09", "thing-07", "thing-05"]
    chips = {attrs["href"] for attrs in page.all("a") if attrs.get("class") == "chip"}
    assert len(chips) == 4
    queries = [dict(parse_qsl(urlsplit(chip).query)) for chip in chips]
    everything = {"brand": "Riegel", "min_price": "5", "max_price": "10,50", "in_stock": "1", "sort": "-price"}
    for query in queries:
        assert len(query) == 4
        assert query.items() <= everything.items()
    assert page.meta("robots") == "noindex"
    assert not page.all("link", rel="canonical")
    boxes = page.all("input", name="brand", value="Riegel")
    assert "checked" in boxes[0]
    assert shown(await see(shop, "/products?option=Size:M")) == ["jersey"]
    assert shown(await see(shop, "/products?option=Size:S&in_stock=1")) == []


async def test_nothing_that_fits_offers_the_way_back(shop: Client) -> None:
    page = await see(shop, "/products?brand=Nobody")
    assert "Nothing fits all of this" in page.words
    assert "/products" in page.links


async def test_show_more_is_a_link_and_a_script_gets_only_what_is_new(shop: Client) -> None:
    first = await see(shop, "/products?sort=name")
    assert len(shown(first)) == 24
    link = onward(first)
    second = await see(shop, link)
    assert len(shown(second)) == 7
    assert not set(shown(first)) & set(shown(second))
    assert "Back to the beginning of the list" in second.words
    part = await shop.get(link, headers={**HTML, "HX-Request": "true"})
    assert shown(Page(part.text)) == shown(second)
    assert "<html" not in part.text
    assert "<form" not in part.text
    assert "HX-Request" in part.headers["vary"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=password", "sort"),
        ("sort=price;drop", "sort"),
        ("cursor=nonsense", "cursor"),
        ("min_price=many", "min_price"),
        ("min_price=-1", "min_price"),
        ("min_price=20&max_price=10", "min_price"),
        ("max_price=1e9", "max_price"),
        ("max_price=1.999", "max_price"),
        ("option=Size", "option"),
        ("in_stock=perhaps", "in_stock"),
        ("min_rating=9", "min_rating"),
        ("brand=" + "x" * 300, "brand"),
        ("&".join(f"brand={n}" for n in range(60)), "option"),
        ("brand=a%00b", "brand"),
    ],
)
async def test_what_cannot_be_asked_is_named_and_the_list_is_a_link_away(
    client: Client, query: str, field: str
) -> None:
    page = await see(client, f"/products?{query}", 422)
    assert f"{field}" in page.words
    assert "/products" in page.links


@pytest.mark.parametrize("query", ["page=-1", "utm_source=x", "brand=&q=", "min_price=&max_price=&sort=", "in_stock=0"])
async def test_what_says_nothing_is_left_alone(shop: Client, query: str) -> None:
    page = await see(shop, f"/products?{query}")
    assert "31 articles" in page.words
    assert not [a for a in page.all("a") if a.get("class") == "chip"]


async def test_a_search_finds_all_kinds_and_puts_spelling_right(shop: Client) -> None:
    page = await see(shop, "/search?q=jersey")
    assert shown(page) == ["jersey"]
    assert page.all("input", id="q")[0]["value"] == "jersey"
    assert page.meta("robots") == "noindex"
    corrected = await see(shop, "/search?q=jersye")
    assert shown(corrected) == ["jersey"]
    assert "“jersye”" in corrected.words
    literal = next(link for link in corrected.links if "literal" in link)
    assert shown(await see(shop, literal)) == []
    more = await see(shop, "/search?q=thing&sort=name")
    assert len(shown(more)) == 24
    assert len(shown(await see(shop, onward(more)))) == 6


async def test_suggestions_are_options_that_lead_somewhere(shop: Client) -> None:
    answer = await shop.get("/search/suggestions?q=jer", headers=HTML)
    options = Page(answer.text).all("a", role="option")
    assert options
    assert len({option["id"] for option in options}) == len(options)
    for option in options:
        assert (await shop.get(option["href"], headers=HTML)).status_code == 200
    assert (await shop.get("/search/suggestions?q=", headers=HTML)).text.strip() == ""


@pytest.mark.parametrize("q", ["%", "_", "'", "\\", "😀", "the and of", "((((", '"', "-", "مرحبا", "a" * 200])
async def test_odd_searches_get_a_clear_page(shop: Client, q: str) -> None:
    answer = await shop.get("/search", params={"q": q}, headers=HTML)
    assert answer.status_code == 200
    for path in ("/search/suggestions", "/search/near"):
        assert (await shop.get(path, params={"q": q}, headers=HTML)).status_code == 200


async def test_a_search_of_ten_thousand_characters_is_refused_in_words(client: Client) -> None:
    for path in ("/search", "/search/suggestions", "/search/near"):
        page = await see(client, f"{path}?q=" + "a" * 10_000, 422)
        assert "200" in page.words


async def test_what_is_rated_says_so_and_can_be_asked_for(shop: Client, database_url: str) -> None:
    assert not (await see(shop, "/products")).all("input", name="min_rating")
    with Rows(database_url) as rows:
        rows.add(
            "services", name="Tune-up", slug="tune-up", price=60, is_active=True, rating_average=3.9, rating_count=7
        )
        for slug, stars in (("thing-02", 4.5), ("thing-03", 2)):
            rows.run("UPDATE products SET rating_average = %s, rating_count = 12 WHERE slug = %s", stars, slug)
    for path in ("/", "/products?sort=rating", "/products/thing-02", "/search?q=thing&sort=rating"):
        assert "Rated 4.5 of 5 (12)" in (await see(shop, path)).words
    for path in ("/", "/services", "/services/tune-up", "/search?q=tune"):
        assert "Rated 3.9 of 5 (7)" in (await see(shop, path)).words
    page = await see(shop, "/products?min_rating=3")
    assert shown(page) == ["thing-02"]
    choices = page.all("input", name="min_rating")
    assert [choice["value"] for choice in choices] == ["4", "3", "2", "1", ""]
    assert [choice["value"] for choice in choices if "checked" in choice] == ["3"]
    assert "3 of 5 and more" in page.words
    best = (await see(shop, "/products?min_rating=5")).words
    assert "5 of 5" in best
    assert "5 of 5 and more" not in best
    assert shown(await see(shop, "/products?min_rating=&brand=Riegel")) == shown(
        await see(shop, "/products?brand=Riegel")
    )
