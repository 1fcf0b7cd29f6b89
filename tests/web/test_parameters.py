"""A query parameter that an address of the API does not take is refused, not passed over; pages take any."""

from typing import Any

import pytest

from tests.web.conftest import Client, field_codes


@pytest.mark.parametrize(
    ("path", "unknown"),
    [
        ("/api/v1/audit?acton=delete", ["acton"]),
        ("/api/v1/audit?resource=users&actor=1&who=2", ["actor", "who"]),
        ("/api/v1/staff/orders?state=paid", ["state"]),
        ("/api/v1/staff/orders?Status=pending", ["Status"]),
        ("/api/v1/staff/coupons?q=x", ["q"]),
        ("/api/v1/products?colour=red", ["colour"]),
        ("/api/v1/products?brands=x", ["brands"]),
        ("/api/v1/search?q=lamp&page=2", ["page"]),
        ("/api/v1/categories?utm_source=mail", ["utm_source"]),
    ],
)
async def test_it_is_named_with_those_there_are(client: Client, key: Any, path: str, unknown: list[str]) -> None:
    answer = await client.get(path, headers=await key("admin"))
    assert (answer.status_code, list(field_codes(answer).items())) == (422, [(name, "unknown") for name in unknown])
    message = answer.json()["errors"][0]["message"]
    if "/audit" in path:
        offered = "user_id, acted_by, action, resource, resource_id, since, until, cursor, limit"
        assert message == f"Is no parameter here; this address takes {offered}."
    if "/categories" in path:
        assert message == "Is no parameter here; this address takes none."


@pytest.mark.parametrize("query", ["limit=1&limit=2", "in_stock=true&in_stock=false", "facets=x&facets=y"])
async def test_what_is_one_is_given_once(client: Client, query: str) -> None:
    answer = await client.get(f"/api/v1/products?brand=x&brand=y&{query}")
    assert (answer.status_code, field_codes(answer)) == (422, {query.partition("=")[0]: "repeated"})


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/audit?resource=users&limit=1",
        "/api/v1/staff/orders?status=pending&limit=1",
        "/api/v1/products?brand=x&brand=y&tag=z&in_stock=true&sort=newest",
        "/api/v1/search?q=lamp&in_stock=true&sort=relevance",
    ],
)
async def test_what_an_address_takes_is_taken(client: Client, key: Any, path: str) -> None:
    answer = await client.get(path, headers=await key("admin"))
    assert answer.status_code == 200, answer.text


async def test_a_stranger_is_not_told_what_there_is(client: Client) -> None:
    assert (await client.get("/api/v1/audit?acton=delete")).status_code == 401


@pytest.mark.parametrize("path", ["/", "/products", "/search?q=lamp"])
async def test_pages_take_the_words_of_others(client: Client, path: str) -> None:
    mark = "&" if "?" in path else "?"
    answer = await client.get(f"{path}{mark}utm_source=mail&gclid=1", headers={"Accept": "text/html"})
    assert answer.status_code == 200


@pytest.mark.parametrize("given", ["x" * 65, "two words", "a/b", "ä", ""])
async def test_an_odd_request_id_is_replaced(client: Client, given: str) -> None:
    answer = await client.get("/healthz", headers={"X-Request-Id": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 36
    told = await client.get("/healthz", headers={"X-Request-Id": "x" * 64})
    assert told.headers["x-request-id"] == "x" * 64
