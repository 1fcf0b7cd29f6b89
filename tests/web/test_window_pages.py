"""The pages one browses: what stands on them, what it costs, and that nothing written by people breaks them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lex.core.settings import settings
from lex.db.session import CountingCursor
from lex.web.kit import texts
from tests.support import goods
from tests.support.rows import Rows
from tests.web.conftest import Client
from tests.web.window import HTML, Page, see

SCRIPT = "<script>alert(1)</script>"
LONG = "Extraordinarily-long-name-without-any-space-" * 5


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with Rows(database_url) as made:
        yield made


async def _statements(client: Client, path: str) -> int:
    await client.get(path, headers=HTML)
    before = CountingCursor.sent
    answer = await client.get(path, headers=HTML)
    assert answer.status_code == 200
    return CountingCursor.sent - before


async def test_a_product_tells_what_is_needed_to_buy_it(client: Client, rows: Rows) -> None:
    rows.add("shipping_methods", code="parcel", name="Parcel, 2 days", kind="flat", price=4.9, free_from=75)
    await goods.product(
        "Brass bell",
        price=1900,
        on_hand=2,
        category="Accessories > Bells",
        sku="BELL-1",
        description="<p>One note.</p>",
    )
    page = await see(client, "/products/brass-bell")
    assert page.title == "Brass bell · Spoke & Thread"
    assert page.meta("description") == "One note."
    assert {"/categories/accessories", "/categories/bells"} <= set(page.links)
    for told in ("€19.00", "Only 2 left", "Parcel, 2 days", "€4.90, free from €75.00", "Add to cart", "BELL-1"):
        assert told in page.words
    assert page.all("form", action="/cart/items", method="post")
    assert page.all("input", name="sku", value="BELL-1")
    assert page.all("input", name="quantity")[0]["max"] == "2"
    product = page.thing("Product")
    assert product["offers"][0]["price"] == "19.00"
    assert product["offers"][0]["availability"].endswith("/InStock")
    steps = page.thing("BreadcrumbList")["itemListElement"]
    assert [step["name"] for step in steps] == ["Accessories", "Bells", "Brass bell"]


async def test_a_product_that_is_gone_has_no_button(client: Client, rows: Rows) -> None:
    await goods.product("Lock", on_hand=0)
    page = await see(client, "/products/lock")
    assert "Sold out" in page.words
    assert not page.all("form", action="/cart/items")
    assert page.thing("Product")["offers"][0]["availability"].endswith("/OutOfStock")


async def test_variants_are_named_links_and_the_sold_out_ones_are_told(client: Client, rows: Rows) -> None:
    await goods.family("Jersey", {"S": (5000, 0), "M": (6000, 3), "L": (7000, 9)})
    page = await see(client, "/products/jersey")
    assert "€60.00" in page.words  # the first that is in stock
    assert page.all("input", name="sku", value="JERSEY M")
    assert "S sold out" in page.words
    chosen = [a for a in page.all("a") if a.get("aria-current") == "true" and "variant=" in a["href"]]
    assert [link["href"] for link in chosen] == ["/products/jersey?variant=jersey-m"]
    large = await see(client, "/products/jersey?variant=jersey-l")
    assert "€70.00" in large.words
    assert large.all("link", rel="canonical")[0]["href"].endswith("/products/jersey")
    gone = await see(client, "/products/jersey?variant=jersey-xxl")
    assert "no longer offered" in gone.words
    assert [offer["sku"] for offer in gone.thing("Product")["offers"]] == ["JERSEY S", "JERSEY M", "JERSEY L"]


async def test_a_service_says_how_long_how_much_with_whom_and_what_cancelling_costs(client: Client, rows: Rows) -> None:
    rows.add(
        "services",
        name="Tune-up",
        slug="tune-up",
        price=69,
        duration_minutes=90,
        is_active=True,
        cancellation_window_minutes=1440,
        cancellation_fee_percentage=25,
        availability={"tuesday": [["09:00", "12:30"]]},
        timezone="Europe/Berlin",
    )
    rows.add("resources", name="Mara Lindt", kind="person", is_active=True)
    rows.add("service_resources")
    page = await see(client, "/services/tune-up")
    for told in ("€69.00", "1 h 30 min", "Mara Lindt", "24 hours", "25 % of the price", "Tuesday", "09:00–12:30"):
        assert told in page.words
    assert "Europe/Berlin" in page.words
    assert page.thing("Service")["offers"]["price"] == "69.00"
    assert "/services/tune-up" in (await see(client, "/services")).links


async def test_a_membership_says_what_it_gives(client: Client, rows: Rows) -> None:
    rows.add(
        "subscription_plans",
        name="Club",
        slug="club",
        price=9,
        billing_interval="month",
        trial_days=14,
        is_active=True,
    )
    features = (
        '[{"key":"inspections_per_year","type":"limit","value":2},{"key":"rides","type":"flag","value":true},'
        '{"key":"parking","type":"flag","value":false}]'
    )
    rows.run("UPDATE subscription_plans SET features = %s::jsonb", features)
    page = await see(client, "/memberships/club")
    for told in ("€9.00", "a month", "Inspections: 2 a year", "Rides", "14 days to try it"):
        assert told in page.words
    assert "Parking" not in page.words
    assert "Club" in (await see(client, "/memberships")).words


async def test_categories_of_services_stay_while_one_is_chosen(client: Client, rows: Rows) -> None:
    for slug in ("repairs", "classes", "empty"):
        group = rows.add("service_categories", name=slug.title(), slug=slug)["id"]
        if slug != "empty":
            rows.add("services", name=slug, slug=f"a-{slug}", price=1, is_active=True, category_id=group)
    page = await see(client, "/services?category=repairs")
    assert {"/services?category=repairs", "/services?category=classes", "/services/a-repairs"} <= set(page.links)
    assert not {"/services?category=empty", "/services/a-classes"} & set(page.links)


async def test_home_leads_to_goods_services_and_memberships(client: Client, rows: Rows) -> None:
    await goods.product("Bell")
    rows.add("services", name="Tune-up", slug="tune-up", price=1, duration_minutes=30, is_active=True)
    rows.add("subscription_plans", name="Club", slug="club", price=1, billing_interval="month", is_active=True)
    page = await see(client, "/")
    wanted = {"/products", "/services", "/memberships", "/products/bell", "/services/tune-up", "/memberships/club"}
    assert wanted <= set(page.links)
    assert page.thing("WebSite")["potentialAction"]["target"]["urlTemplate"].endswith("/search?q={search_term_string}")
    assert page.thing("Organization")["name"] == "Spoke & Thread"


async def test_empty_pages_offer_the_next_step(client: Client, rows: Rows) -> None:
    for path in ("/", "/products", "/services", "/memberships", "/search", "/search?q=anything"):
        page = await see(client, path)
        assert page.links, path
    assert "Nothing here yet" in (await see(client, "/products")).words


@pytest.fixture
def _uncached(web_settings: pytest.MonkeyPatch) -> None:
    web_settings.setenv("LEX_CACHE", "false")
    settings.cache_clear()


@pytest.mark.usefixtures("_uncached")
@pytest.mark.parametrize(
    "path", ["/", "/products", "/categories/all", "/search?q=thing", "/services", "/memberships", "/products/thing-1"]
)
async def test_a_page_takes_two_statements_however_much_it_shows(client: Client, rows: Rows, path: str) -> None:
    await goods.product("Thing 1", sku="t1", category="All")
    first = await _statements(client, path)
    for n in range(2, 32):
        await goods.product(f"Thing {n}", sku=f"t{n}", category="All")
        rows.add("services", name=f"Service {n}", slug=f"s{n}", price=1, is_active=True)
        rows.add("subscription_plans", name=f"Plan {n}", slug=f"p{n}", billing_interval="month", is_active=True)
    assert await _statements(client, path) == first == 2


async def test_names_and_texts_of_people_stay_text(client: Client, rows: Rows) -> None:
    await goods.product(SCRIPT, sku='"><i>', category=f"{SCRIPT} > Deep", brand=SCRIPT, tags=(SCRIPT,))
    rows.run("UPDATE products SET slug = 'thing', description = NULL, attributes = %s::jsonb", f'{{"a":"{SCRIPT}"}}')
    rows.run("UPDATE categories SET slug = 'top' WHERE parent_id IS NULL")
    rows.add("services", name=SCRIPT, slug="serve", price=1, is_active=True)
    rows.add("subscription_plans", name=SCRIPT, slug="plan", billing_interval="month", is_active=True)
    for path in (
        *("/", "/products", "/products/thing", "/categories/top", "/services", "/services/serve", "/memberships"),
        *("/memberships/plan", f"/search?q={SCRIPT}", f"/search/suggestions?q={SCRIPT}", f"/products?brand={SCRIPT}"),
        f"/search/near?q={SCRIPT}",
    ):
        page = await see(client, path)
        assert SCRIPT not in page.text, path
        assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on") or a == "style"], path
        assert all(tag["src"].startswith("/static/") for tag in page.all("script") if "type" not in tag or "src" in tag)


async def test_long_names_and_odd_pictures_do_not_break_a_page(client: Client, rows: Rows) -> None:
    await goods.product(LONG, sku="long")
    images = '[{"src": "https://elsewhere.example/a.png", "alt": "x"}, {"src": "//evil.example/x"}, {}]'
    rows.run("UPDATE products SET slug = 'long', images = %s::jsonb", images)
    page = await see(client, "/products/long")
    assert LONG in page.words
    assert page.all("img") == []
    assert "elsewhere.example" not in page.text
    assert "evil.example" not in page.text
    assert (await see(client, "/products")).all("img") == []


@pytest.mark.parametrize("path", ["/products/nothing", "/products/No%20Such", "/categories/none", "/services/none"])
async def test_what_does_not_exist_is_searched_for(client: Client, rows: Rows, path: str) -> None:
    page = await see(client, path, 404)
    assert page.meta("robots") == "noindex"
    form = page.all("form", action="/search")
    assert len(form) == 2  # in the header and on the page
    words = [box["value"] for box in page.all("input", name="q")]
    assert len(set(words)) == 1
    assert words[0]


async def test_a_page_that_does_not_exist_leads_to_the_categories(client: Client, rows: Rows) -> None:
    await goods.product("Brass bell", category="Accessories > Bells")
    for path, status in (("/nowhere", 404), ("/products/nothing", 404), ("/products?sort=odd", 422)):
        links = (await see(client, path, status)).links
        assert "/categories/accessories" in links, path
        assert "/categories/bells" not in links, path


async def test_near_things_are_shown_for_a_wrong_address(client: Client, rows: Rows) -> None:
    await goods.product("Merino jersey")
    missing = await see(client, "/shop/merino-jersy", 404)
    place = next(attrs["hx-get"] for _, attrs in missing.tags if attrs.get("hx-get", "").startswith("/search/near"))
    assert "/products/merino-jersey" in (await see(client, place)).links


async def test_the_cart_is_counted_by_a_cookie_and_the_database_is_not_asked(client: Client, rows: Rows) -> None:
    def count(page: Page) -> str:
        return page.text.split('id="cart-count"')[1].split("</span>\n")[0]

    assert "badge" not in count(await see(client, "/"))
    assert "3</span>" in count(await see(client, "/", Cookie="lex_cart_count=3"))
    for odd in ("x", "-1", "99999", SCRIPT):
        assert "badge" not in count(await see(client, "/", Cookie=f"lex_cart_count={odd}"))
    alone = await client.get("/cart/count", headers={"Cookie": "lex_cart_count=3"})
    assert alone.text.strip().startswith('<span id="cart-count" class="empty:hidden">')
    assert (">3</span>" in alone.text.replace(" ", ""), alone.headers["cache-control"]) == (True, "private, no-store")


async def test_pages_of_the_shop_are_markdown_files(client: Client, rows: Rows, web_home: Path) -> None:
    folder = web_home / "pages"
    folder.mkdir(exist_ok=True)
    texts._texts.cache_clear()  # the folder may have been looked at within this second
    try:
        (folder / "20-returns.md").write_text("# Returns <b>\n\nSend *it* back.\n\n<script>alert(1)</script>\n")
        (folder / "10-about.md").write_text("# About us\n\nWe are here.")
        (folder / "Bad Name.md").write_text("# Not shown")
        page = await see(client, "/pages/returns")
        assert page.title == "Returns <b> · Spoke & Thread"
        assert "<em>it</em>" in page.text
        assert "alert(1)" not in page.text
        assert page.meta("description") == "Send it back."
        shown = [link for link in page.links if link.startswith("/pages/")]
        assert shown == ["/pages/about", "/pages/returns"]
        for path in ("/pages/none", "/pages/..%2fsecrets", "/pages/Bad%20Name"):
            await see(client, path, 404)
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        texts._texts.cache_clear()


async def test_a_reduced_price_tells_the_lowest_before_it(client: Client, rows: Rows) -> None:
    rows.add("products", slug="bell", name="Bell", price=25, track_inventory=False, is_featured=True)
    rows.run("UPDATE products SET price = 19, compare_at_price = 30")
    for path in ("/products/bell", "/products", "/", "/search?q=bell"):
        assert "€19.00 before €30.00 Lowest price in 30 days: €25.00" in (await see(client, path)).words, path
    detail = (await client.get("/api/v1/products/bell")).json()
    items = [(await client.get(path)).json()["items"][0] for path in ("/api/v1/products", "/api/v1/search?q=bell")]
    assert [one["lowest_price_30_days"] for one in (detail, *items)] == [2500] * 3
    rows.run("UPDATE products SET compare_at_price = NULL")
    assert "Lowest price" not in (await see(client, "/products/bell")).words
    assert (await client.get("/api/v1/products/bell")).json()["lowest_price_30_days"] is None
