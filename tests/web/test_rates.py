"""How often one may do something, by the API: what is beyond is refused with the way on, and nobody else waits."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from redis import Redis

from lex.core.settings import settings
from lex.web.kit import rates
from tests.support.shop import Shop
from tests.web.conftest import Client

_number = count(1)


@pytest.fixture
def limits(web_settings: pytest.MonkeyPatch) -> Any:
    """`limits(orders=2)`: a setting or several."""

    def set_to(**most: int) -> None:
        for name, number in most.items():
            web_settings.setenv(f"LEX_MOST_{name.upper()}", str(number))
        settings.cache_clear()

    return set_to


@pytest.fixture
def shop(client: Client, web_database: str) -> Iterator[Shop]:
    """A shop to buy in."""
    made = Shop(client, web_database)
    yield made
    made.db.close()


def seen_from(number: int) -> dict[str, str]:
    """A client behind the trusted proxy."""
    return {"X-Forwarded-For": f"203.0.113.{number}"}


def refused(answer: httpx.Response, way_on: str) -> bool:
    """A problem that says how long it takes and how to go on meanwhile."""
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "too_many"), problem
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    assert way_on in problem["detail"]
    return True


async def test_an_address_opens_so_many_carts(client: Client, limits: Any) -> None:
    limits(carts=3)
    told = [(await client.post("/api/v1/carts", json={}, headers=seen_from(1))).status_code for _ in range(3)]
    assert told == [201] * 3
    assert refused(await client.post("/api/v1/carts", json={}, headers=seen_from(1)), "stays open to you")
    assert (await client.post("/api/v1/carts", json={}, headers=seen_from(2))).status_code == 201


async def test_an_address_places_so_many_orders_and_the_cart_stays(shop: Shop, limits: Any) -> None:
    limits(orders=2, orders_of_buyer=9)
    product = shop.product(stock=9)
    for number in range(2):
        cart = await shop.cart((product, 1))
        assert (await shop.place(cart, email=f"buyer-{number}@example.org")).status_code == 201
    cart = await shop.cart((product, 1))
    assert refused(await shop.place(cart, email="buyer-9@example.org"), "your cart stays as it is")
    assert (await shop.see(cart)).data["status"] == "open"
    elsewhere = {**cart.headers, **seen_from(3)}
    assert (await shop.place(cart, elsewhere, email="buyer-9@example.org")).status_code == 201


async def test_one_mailbox_places_so_many_from_one_network_and_one_cart_from_wherever(shop: Shop, limits: Any) -> None:
    limits(orders_of_buyer=2)
    product = shop.product(stock=9)
    for number in range(2):
        cart = await shop.cart((product, 1))
        placed = await shop.place(cart, cart.headers | seen_from(6), email=f"ADA+{number}@example.org")
        assert placed.status_code == 201
    cart = await shop.cart((product, 1))
    assert refused(await shop.place(cart, cart.headers | seen_from(6), email="ada@example.org"), "your cart stays")
    at_home = await shop.cart((product, 1))  # a stranger keeps nobody out
    assert (await shop.place(at_home, at_home.headers | seen_from(5), email="ada@example.org")).status_code == 201
    cart = await shop.cart((product, 1))
    for number in range(2):
        await shop.place(cart, cart.headers | seen_from(7), email=f"x{number}@example.org", total_amount=1)
    assert refused(await shop.place(cart, cart.headers | seen_from(8), email="bob@example.org"), "your cart stays")


async def test_what_is_answered_again_by_its_key_is_not_counted(shop: Shop, limits: Any) -> None:
    limits(orders=1)
    cart = await shop.cart((shop.product(), 1))
    keyed = {**cart.headers, "Idempotency-Key": f"once-{next(_number)}"}
    told = [await shop.place(cart, keyed) for _ in range(3)]
    assert [answer.status_code for answer in told] == [201] * 3
    assert len({answer.text for answer in told}) == 1


async def test_cards_are_not_found_out_on_one_order_nor_on_many(shop: Shop, limits: Any) -> None:
    limits(payments_of_order=3, payments=5)
    first, second = await shop.order(), await shop.order()
    for _ in range(3):
        assert (await shop.pay(first, "tok_declined")).status_code in (201, 402)
    assert refused(await shop.pay(first, "tok_declined"), "the order stays as it is")
    assert (await shop.pay(second, "tok_declined")).status_code in (201, 402)
    assert refused(await shop.pay(second, "tok_declined"), "the order stays as it is")
    assert (await shop.pay(second, **seen_from(4))).json()["attempt_status"] == "succeeded"


async def test_searches_are_counted_in_tens_and_all_kinds_as_one(client: Client, limits: Any) -> None:
    limits(searches=20)
    paths = ("/api/v1/search?q=bell", "/api/v1/search/suggestions?q=be", "/search?q=bell", "/search/suggestions?q=be")
    told = [(await client.get(paths[n % 4], headers=seen_from(5))).status_code for n in range(29)]
    assert told == [200] * 29
    assert refused(await client.get(paths[0], headers=seen_from(5)), "look through the categories")
    page = await client.get("/search?q=bell", headers={**seen_from(5), "Accept": "text/html"})
    assert page.status_code == 429
    assert "look through the categories" in page.text
    assert int(page.headers["retry-after"]) > 0
    assert (await client.get(paths[0], headers=seen_from(6))).status_code == 200


async def test_counts_outlive_the_application(client: Client, limits: Any, redis_url: str) -> None:
    limits(carts=2, searches=20)
    for _ in range(2):
        await client.post("/api/v1/carts", json={}, headers=seen_from(8))
    for _ in range(20):
        await client.get("/api/v1/search/suggestions?q=be", headers=seen_from(8))
    await rates.disconnect()
    rates.connect(redis_url)
    assert refused(await client.post("/api/v1/carts", json={}, headers=seen_from(8)), "")
    told = [(await client.get("/api/v1/search/suggestions?q=be", headers=seen_from(8))).status_code for _ in range(10)]
    assert told == [200] * 9 + [429]


async def test_nobody_is_named_where_it_is_counted(shop: Shop, redis_url: str) -> None:
    cart = await shop.cart((shop.product(), 1))
    assert (await shop.place(cart, email="grace@example.org")).status_code == 201
    with Redis.from_url(redis_url) as redis:
        keys = [key for key in redis.keys("*") if b"rate:" in key]
    assert {key.split(b":")[2] for key in keys} == {b"cart", b"order", b"order cart", b"order email"}
    assert b"grace" not in b"".join(keys)
    assert b"127.0.0.1" not in b"".join(keys)


async def test_no_limit_and_no_redis_let_pass(client: Client, limits: Any) -> None:
    limits(carts=0, searches=0)
    assert {(await client.post("/api/v1/carts", json={})).status_code for _ in range(5)} == {201}
    assert {(await client.get("/api/v1/search/suggestions?q=be")).status_code for _ in range(25)} == {200}
    limits(carts=1, searches=10)
    await rates.disconnect()
    rates.connect("redis://127.0.0.1:1/0")
    assert {(await client.post("/api/v1/carts", json={})).status_code for _ in range(3)} == {201}
    assert {(await client.get("/api/v1/search/suggestions?q=be")).status_code for _ in range(25)} == {200}
