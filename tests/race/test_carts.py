"""Carts under many hands, and prices that move while they are placed."""

import random
from itertools import count

import httpx
import pytest

from lex.core import actor
from lex.db.session import transaction
from lex.identity.commands import create_api_key, create_user
from tests.race.conftest import at_once, codes, order_of, statuses
from tests.support.shop import Cart, Product, Shop

_number = count(1)


@pytest.fixture
async def customer(flows: None) -> dict[str, str]:
    """Headers of a customer's key."""
    async with transaction(actor.system()) as session:
        person = await create_user(session, role="user", email=f"customer{next(_number)}@example.org")
        secret = await create_api_key(session, person.id, "test")
    return {"Authorization": f"Bearer {secret}"}


async def test_units_added_at_once_are_all_there(shop: Shop) -> None:
    lamp, chair = shop.product(stock=500), shop.product(stock=500)
    cart = await shop.cart(shipping=None)
    answers = await at_once(
        shop.client.post(f"{cart.path}/items", json={"sku": item.sku, "quantity": 2}, headers=cart.headers)
        for item in (lamp, chair)
        for _ in range(30)
    )
    assert statuses(answers) == {201: 60}
    seen = (await shop.client.get(cart.path, headers=cart.headers)).json()
    assert {line["sku"]: line["quantity"] for line in seen["lines"]} == {lamp.sku: 60, chair.sku: 60}
    assert seen["version"] == cart.data["version"] + 60


async def test_a_customer_has_one_open_cart(shop: Shop, customer: dict[str, str]) -> None:
    lamp = shop.product(stock=100)
    body = {"country": "DE", "items": [{"sku": lamp.sku, "quantity": 1}]}
    answers = await at_once(shop.client.post("/api/v1/carts", json=body, headers=customer) for _ in range(20))
    assert statuses(answers) == {201: 20}
    assert len({answer.json()["cart"]["id"] for answer in answers}) == 1
    assert max(answer.json()["cart"]["lines"][0]["quantity"] for answer in answers) == 20


async def test_a_cart_merged_many_times_at_once_is_merged_once(shop: Shop, customer: dict[str, str]) -> None:
    lamp, chair = shop.product(stock=100), shop.product(stock=100)
    own = await shop.client.post("/api/v1/carts", json={"items": [{"sku": lamp.sku, "quantity": 2}]}, headers=customer)
    guest = await shop.cart((lamp, 5), (chair, 1), shipping=None)
    await _merge_often(shop, guest, customer)
    seen = (await shop.client.get(f"/api/v1/carts/{own.json()['cart']['id']}", headers=customer)).json()
    assert {line["sku"]: line["quantity"] for line in seen["lines"]} == {lamp.sku: 5, chair.sku: 1}


async def test_a_cart_adopted_many_times_at_once_is_adopted_once(shop: Shop, customer: dict[str, str]) -> None:
    lamp = shop.product(stock=100)
    guests = [await shop.cart((lamp, n), shipping=None) for n in (3, 4)]
    for guest in guests:
        await _merge_often(shop, guest, customer)
    seen = (await shop.client.post("/api/v1/carts", json={}, headers=customer)).json()["cart"]
    assert {line["sku"]: line["quantity"] for line in seen["lines"]} == {lamp.sku: 4}


async def test_two_guest_carts_merged_at_once_end_in_one(shop: Shop, customer: dict[str, str]) -> None:
    lamp = shop.product(stock=100)
    guests = await at_once(shop.cart((lamp, n), shipping=None) for n in (3, 7))
    answers = await at_once(_merge(shop, guest, customer) for guest in guests for _ in range(5))
    assert set(statuses(answers)) <= {200, 409}
    answers = await at_once(_merge(shop, guest, customer) for guest in guests)
    assert statuses(answers) == {200: 2}
    seen = (await shop.client.post("/api/v1/carts", json={}, headers=customer)).json()["cart"]
    assert {line["sku"]: line["quantity"] for line in seen["lines"]} == {lamp.sku: 7}


async def test_nothing_is_sold_at_a_price_the_buyer_has_not_seen(shop: Shop) -> None:
    lamp = shop.product(price="10.00", stock=100)
    carts = await at_once(shop.cart((lamp, 1)) for _ in range(60))
    dice = random.Random(9)

    async def buy(cart: Cart) -> None:
        version, agreed = cart.data["version"], cart.data["total_amount"]
        for _ in range(20):
            answer = await shop.place(cart, version=version, total_amount=agreed)
            if answer.status_code == 201:
                assert answer.json()["total_amount"] == agreed
                assert (await shop.read(order_of(answer)))["total_amount"] == agreed
                return
            assert codes([answer]) == {"cart_changed"}
            version, agreed = answer.json()["version"], answer.json()["total_amount"]
        raise AssertionError("the price never stood still")

    async def reprice() -> None:
        for _ in range(12):
            await _set_price(shop, lamp, dice.choice(("10.00", "12.50", "9.99", "14.00")))

    await at_once([*map(buy, carts), reprice()])


async def _set_price(shop: Shop, product: Product, price: str) -> None:
    await shop.client.get("/healthz")  # lets the buyers go on
    shop.db.execute("UPDATE products SET price = %s WHERE id = %s", (price, product.id))


async def _merge_often(shop: Shop, guest: Cart, customer: dict[str, str]) -> None:
    answers = await at_once(_merge(shop, guest, customer) for _ in range(10))
    assert statuses(answers) == {200: 10}


async def _merge(shop: Shop, guest: Cart, customer: dict[str, str]) -> httpx.Response:
    answer: httpx.Response = await shop.client.post(f"{guest.path}/merge", headers={**guest.headers, **customer})
    return answer
