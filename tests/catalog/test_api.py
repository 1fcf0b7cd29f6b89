"""The public catalogue over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from lex.core.settings import settings
from lex.web.app import create_app
from tests.support import goods
from tests.web.conftest import running

Client = httpx.AsyncClient


@pytest.fixture
async def client(process: pytest.MonkeyPatch, redis_url: str) -> AsyncIterator[Client]:
    """A client of the application over this test's database."""
    process.setenv("REDIS_URL", redis_url)
    process.setenv("LEX_LOG_LEVEL", "warning")
    settings.cache_clear()
    app = create_app()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://shop.test") as started:
        yield started


@pytest.fixture
async def shop(client: Client) -> Client:
    """A shop with a family and a simple product."""
    await goods.family("Jersey", {"S": (8000, 0), "M": (9000, 3)}, category="Clothing", brand="Loom", tags=["wool"])
    await goods.product("Bell", price=1900, category="Parts")
    return client


async def test_documents_carry_an_etag_and_are_not_sent_twice(shop: Client) -> None:
    for path in ("/categories", "/products", "/products/jersey", "/services", "/plans"):
        first = await shop.get(f"/api/v1{path}")
        assert first.status_code == 200
        assert first.headers["content-type"].startswith("application/json")
        again = await shop.get(f"/api/v1{path}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    changed = (await shop.get("/api/v1/products/jersey")).headers["etag"]
    await goods.tamper("UPDATE products SET stock_quantity = 2 WHERE stock_quantity = 3")
    assert (await shop.get("/api/v1/products/jersey")).headers["etag"] != changed


async def test_filters_come_from_the_address(shop: Client) -> None:
    address = "/api/v1/products?category=clothing&option=Size:M&brand=Loom&tag=wool&in_stock=true&max_price=9000"
    found = (await shop.get(address)).json()
    assert [item["slug"] for item in found["items"]] == ["jersey"]
    page: dict[str, Any] = (await shop.get("/api/v1/products?limit=1&sort=price")).json()
    assert page["facets"]["total"] == 2
    rest = (await shop.get(f"/api/v1/products?limit=1&sort=price&cursor={page['next_cursor']}")).json()
    assert ([item["slug"] for item in rest["items"]], rest["next_cursor"]) == (["jersey"], None)
    assert "facets" not in rest


WRONG = [
    ("/products/nothing", 404, "nothing"),
    ("/services/nothing", 404, "nothing"),
    ("/plans/nothing", 404, "nothing"),
    ("/products?category=nowhere", 404, "nowhere"),
    ("/services?category=nowhere", 404, "nowhere"),
    ("/products?limit=0", 422, "limit"),
    ("/products?limit=1000", 422, "limit"),
    ("/products?limit=two", 422, "limit"),
    ("/products?sort=password", 422, "sort"),
    ("/products?cursor=%ff", 422, "cursor"),
    ("/products?cursor=bm9uc2Vuc2U", 422, "cursor"),
    ("/products?min_price=10&max_price=5", 422, "min_price"),
    ("/products?min_price=-1", 422, "min_price"),
    ("/products?option=Size", 422, "option"),
    ("/products?in_stock=perhaps", 422, "in_stock"),
    ("/services?cursor=x", 422, "cursor"),
]


async def test_what_cannot_be_answered_names_the_field(client: Client) -> None:
    for path, status, word in WRONG:
        answer = await client.get(f"/api/v1{path}")
        assert (path, answer.status_code) == (path, status)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        named = problem["detail"] if status == 404 else {error["field"] for error in problem["errors"]}
        assert word in named
