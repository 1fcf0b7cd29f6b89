"""Asked again unchanged, a document is not sent again."""

import httpx
import pytest
from redis import Redis

from lex.adapters import cached
from lex.core.settings import settings
from lex.db.documents import etag_of
from lex.db.session import CountingCursor
from lex.web.app import create_app
from lex.web.kit.caching import matches
from tests.support import goods
from tests.web.conftest import Client, running
from tests.web.probe import DOCUMENT

ETAG = etag_of(DOCUMENT)


async def test_a_document_is_sent_once(client: Client) -> None:
    first = await client.get("/api/v1/probe/document")
    assert first.status_code == 200
    assert first.content == DOCUMENT
    assert first.headers["etag"] == ETAG
    assert first.headers["cache-control"] == "public, max-age=60"
    again = await client.get("/api/v1/probe/document", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == ETAG


@pytest.mark.parametrize(
    ("header", "is_match"),
    [
        (ETAG, True),
        (ETAG.removeprefix("W/"), True),
        (f'"other", {ETAG} ', True),
        ("*", True),
        ("", False),
        ('"other"', False),
        ('W/"other"', False),
        ("broken", False),
    ],
)
def test_if_none_match(header: str, is_match: bool) -> None:
    assert matches(header, ETAG) is is_match


async def test_a_kept_list_is_sent_as_it_was_compressed(client: Client, database_url: str) -> None:
    for number in range(30):
        await goods.product(f"Bell {number}")
    for codings, taken in {"gzip;q=0.1, br; q=0.000": "gzip", "br;q=0": None, "identity": None}.items():
        plain = await client.get("/api/v1/products", headers={"Accept-Encoding": codings})
        assert plain.headers.get("content-encoding") == taken, codings
    for _ in range(2):
        small = await client.get("/api/v1/products", headers={"Accept-Encoding": "br"})
        assert (small.headers["content-encoding"], small.headers["vary"]) == ("br", "Accept-Encoding")
        assert (small.content, small.headers["etag"]) == (plain.content, plain.headers["etag"])
        assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert plain.headers["vary"] == "Accept-Encoding"
    unchanged = {"Accept-Encoding": "br", "If-None-Match": small.headers["etag"]}
    assert (await client.get("/api/v1/products", headers=unchanged)).headers["vary"] == "Accept-Encoding"
    head = await client.head("/api/v1/products", headers={"Accept-Encoding": "br"})
    assert (head.content, head.headers["content-length"]) == (b"", small.headers["content-length"])


async def test_asking_again_costs_the_version_and_no_more(client: Client, database_url: str) -> None:
    await goods.product("Bell")
    etag = (await client.get("/api/v1/products")).headers["etag"]
    before = CountingCursor.sent
    again = await client.get("/api/v1/products", headers={"If-None-Match": etag})
    assert (again.status_code, again.content, CountingCursor.sent - before) == (304, b"", 1)
    await goods.run("UPDATE products SET price = price + 1")
    assert (await client.get("/api/v1/products", headers={"If-None-Match": etag})).status_code == 200
    told = (await client.get("/metrics")).text
    for outcome in ("near", "miss"):
        assert f'lex_cache_reads_total{{kind="product list",outcome="{outcome}"}}' in told


async def test_the_cache_can_be_switched_off(
    web_settings: pytest.MonkeyPatch, database_url: str, redis_url: str
) -> None:
    web_settings.setenv("LEX_CACHE", "false")
    settings.cache_clear()
    app = create_app()
    async with (
        running(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as client,
    ):
        for _ in range(2):
            before = CountingCursor.sent
            assert (await client.get("/api/v1/products")).status_code == 200
            assert CountingCursor.sent - before == 1
    assert Redis.from_url(redis_url).keys("*") == []


async def test_a_kept_fragment_shows_what_is_committed(client: Client, database_url: str) -> None:
    await goods.product("Bell")
    for name in ("Bell", "Lamp", "Horn"):
        await goods.run("UPDATE products SET name = %(name)s", name=name)
        for _ in range(2):
            sent = CountingCursor.sent
            assert f">{name}</a>" in (await client.get("/", headers={"Accept": "text/html"})).text
        assert CountingCursor.sent - sent == 1
    assert cached.outcomes["front page", "near"] >= 3


async def test_a_kept_page_shows_what_is_committed(client: Client, database_url: str) -> None:
    await goods.product("Bell", category="Bells")
    for path in ("/products", "/categories/bells", "/search?q=bell"):
        for name in ("Bell one", "Bell two"):
            await goods.run("UPDATE products SET name = %(name)s", name=name)
            for _ in range(2):
                sent = CountingCursor.sent
                page = await client.get(path, headers={"Accept": "text/html"})
                assert f">{name}</a>" in page.text, path
            assert CountingCursor.sent - sent == 1, path
        again = await client.get(path, headers={"Accept": "text/html", "If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        assert "content-security-policy" not in again.headers  # it would be put over the page's own
        assert page.headers["cache-control"] == "private, no-cache"
        assert "set-cookie" not in page.headers
    assert cached.outcomes["list page", "near"] >= 6


async def test_a_kept_page_is_of_its_address_and_of_as_much_in_the_cart(client: Client, database_url: str) -> None:
    await goods.product("Bell")
    html = {"Accept": "text/html"}
    for count in ("", "2", "", "3", "12", "2"):
        page = await client.get("/products", headers=html | {"Cookie": f"lex_cart_count={count}"})
        assert [number in page.text for number in ("</span>2</span>", "</span>3</span>", "</span>12</span>")] == [
            count == number for number in ("2", "3", "12")
        ]
    pages = [(await client.get(f"/search?{q}", headers=html)).text for q in ("q=odd&q=bell", "q=bell", "q=bell&q=odd")]
    assert "odd" not in pages[1]
    assert pages[0] == pages[1] != pages[2]
