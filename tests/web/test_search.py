"""The search over HTTP: what is answered, what is refused and how it says so."""

from urllib.parse import quote

import pytest

from lex.db import session
from tests.support import goods
from tests.web.conftest import Client


@pytest.fixture
async def shop(client: Client, web_database: str, database_url: str) -> Client:
    """A client of a shop with two products."""
    assert web_database == database_url
    await goods.product("Merino jersey", sku="J-1", price=8900, category="Clothing", description="Fine wool.")
    await goods.product("Winter jersey", sku="J-2", price=12900, on_hand=0, category="Clothing")
    return client


async def test_a_page_of_results(shop: Client) -> None:
    first = await shop.get("/api/v1/search?q=jersey&limit=1")
    page = first.json()
    assert (first.status_code, page["total"], len(page["items"])) == (200, 2, 1)
    rest = (await shop.get(f"/api/v1/search?q=jersey&limit=1&cursor={page['next_cursor']}")).json()
    assert {page["items"][0]["name"], rest["items"][0]["name"]} == {"Merino jersey", "Winter jersey"}
    assert "facets" not in rest
    again = await shop.get("/api/v1/search?q=jersey&limit=1", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    filtered = (await shop.get("/api/v1/search?q=jursey&in_stock=true&category=clothing&max_price=9000")).json()
    assert (filtered["corrected"], [item["name"] for item in filtered["items"]]) == ("jersey", ["Merino jersey"])


async def test_suggestions(shop: Client) -> None:
    answer = await shop.get("/api/v1/search/suggestions?q=jer")
    assert [item["kind"] for item in answer.json()["items"]] == ["word", "product", "product"]


WRONG = [
    ("search", 422, "q"),
    ("search?q=", 422, "q"),
    ("search?q=%20", 422, "q"),
    ("search?q=" + "x" * 10_000, 422, "q"),
    ("search?q=" + "word%20" * 200, 422, "q"),
    ("search?q=a%00b", 422, "q"),
    ("search?q=bell&sort=password", 422, "sort"),
    ("search?q=bell&kind=order", 422, "kind"),
    ("search?q=bell&limit=-1", 422, "limit"),
    ("search?q=bell&cursor=-1", 422, "cursor"),
    ("search?q=bell&min_rating=6", 422, "min_rating"),
    ("search?q=bell&min_price=-1", 422, "min_price"),
    ("search?q=bell&min_price=5&max_price=1", 422, "min_price"),
    ("search?q=bell&option=Size", 422, "option"),
    ("search?q=bell&in_stock=perhaps", 422, "in_stock"),
    ("search/suggestions", 422, "q"),
    ("search/suggestions?q=" + "x" * 10_000, 422, "q"),
    ("search/suggestions?q=a%00b", 422, "q"),
    ("products?sort=relevance", 422, "sort"),
    ("products?min_rating=0", 422, "min_rating"),
]


async def test_what_cannot_be_answered_names_the_field(client: Client) -> None:
    for path, status, field in WRONG:
        answer = await client.get(f"/api/v1/{path}")
        assert (path[:80], answer.status_code) == (path[:80], status)
        assert field in {error["field"] for error in answer.json()["errors"]}
    missing = await client.get("/api/v1/search?q=bell&category=nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "category_not_found")


async def test_anything_typed_is_answered(client: Client) -> None:
    for typed in ("%", "_", "'", "\\", '"', "-", "🚲", "مرحبا", "the", "?!", "<script>", "a' OR 1=1 --", "x" * 200):
        for path in ("search", "search/suggestions", "products"):
            answer = await client.get(f"/api/v1/{path}?q={quote(typed)}")
            assert (path, typed, answer.status_code) == (path, typed, 200)
    assert session.database()
