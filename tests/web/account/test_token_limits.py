"""How many calls of the API a minute there may be, exactly."""

from typing import Any

import pytest

from lex.core.actor import Role
from lex.core.settings import settings
from lex.identity.key_forms import Kind, new_key
from lex.web.kit import api_rates
from tests.web.account.test_tokens import bearer, one_with, status
from tests.web.conftest import Client


async def test_the_limit_of_a_key_exactly(client: Client, web_settings: pytest.MonkeyPatch) -> None:
    web_settings.setenv("LEX_API_RATE_PER_MINUTE", "3")
    settings.cache_clear()
    (_, secret), (_, other) = await one_with(Role.USER), await one_with(Role.USER)
    for left in (2, 1, 0):
        answer = await client.get("/api/v1/products", headers=bearer(secret))
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"key";q=3;w=60'
        assert answer.headers["ratelimit"] in {f'"key";r={left};t={seconds}' for seconds in range(50, 61)}
    answer = await client.get("/api/v1/account", headers=bearer(secret))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["ratelimit"] == f'"key";r=0;t={answer.headers["retry-after"]}'
    assert await status(client, other) == 200
    assert "ratelimit" not in (await client.get("/api/v1/products")).headers


async def test_processes_share_a_limit_and_pass_no_more(client: Client, web_settings: pytest.MonkeyPatch) -> None:
    web_settings.setenv("LEX_API_RATE_PER_MINUTE", "60")
    settings.cache_clear()
    _, secret = await one_with(Role.USER)
    processes: list[dict[str, Any]] = [{}, {}, {}]
    told = []
    for number in range(100):
        api_rates.forget()
        api_rates._shares.update(processes[number % 3])
        told.append(await status(client, secret, "/api/v1/products"))
        processes[number % 3] = dict(api_rates._shares)
    assert told.count(200) == 60
    assert told[:50] == [200] * 50


async def test_strangers_are_counted_for_what_changes_something(
    client: Client, web_settings: pytest.MonkeyPatch
) -> None:
    web_settings.setenv("LEX_API_RATE_OF_STRANGERS", "2")
    settings.cache_clear()
    for left in (1, 0):
        answer = await client.post("/api/v1/carts", json={"country": "DE"})
        assert answer.status_code == 201
        assert answer.headers["ratelimit"].startswith(f'"address";r={left};t=')
        assert answer.headers["ratelimit-policy"] == '"address";q=2;w=60'
    refused = await client.post("/api/v1/carts", json={"country": "DE"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    wrong = await client.get("/api/v1/account", headers=bearer(new_key(Kind.PERSONAL)))
    assert wrong.status_code == 429
    assert (await client.get("/api/v1/products")).status_code == 200
    assert (await client.post("/api/v1/webhooks/sandbox", content=b"{}")).status_code != 429
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert (await client.post("/api/v1/carts", json={"country": "DE"}, headers=elsewhere)).status_code == 201
    _, secret = await one_with(Role.USER)
    assert (await client.post("/api/v1/carts", json={"country": "DE"}, headers=bearer(secret))).status_code == 201


async def test_no_limit_is_told_where_there_is_none(client: Client, web_settings: pytest.MonkeyPatch) -> None:
    web_settings.setenv("LEX_API_RATE_PER_MINUTE", "0")
    settings.cache_clear()
    answer = await client.get("/api/v1/account", headers=bearer((await one_with(Role.USER))[1]))
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers
