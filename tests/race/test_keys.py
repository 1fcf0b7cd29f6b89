"""One Idempotency-Key, posted fifty times at once."""

from collections.abc import Sequence

import httpx

from tests.race.conftest import at_once, codes, order_of, statuses
from tests.support.shop import Shop


async def test_one_key_places_one_order(shop: Shop) -> None:
    lamp = shop.product(stock=50)
    cart = await shop.cart((lamp, 1))
    answers = await at_once(shop.place(cart, {"Idempotency-Key": "place once"}) for _ in range(50))
    _answered_once(answers)
    assert shop.stock_of(lamp) == (50, 1)
    again = await shop.place(cart, {"Idempotency-Key": "place once"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == next(answer.content for answer in answers if answer.status_code == 201)


async def test_one_cart_without_a_key_places_one_order(shop: Shop) -> None:
    cart = await shop.cart((shop.product(stock=50), 1))
    answers = await at_once(shop.place(cart) for _ in range(50))
    assert statuses(answers) == {201: 1, 409: 49}
    assert codes(answers) == {"cart_placed"}


async def test_one_key_charges_once(shop: Shop) -> None:
    order = await shop.order()
    answers = await at_once(shop.pay(order, **{"Idempotency-Key": "pay once"}) for _ in range(50))
    _answered_once(answers)
    charges = shop.one(
        "SELECT count(*) AS number FROM sandbox_payments s JOIN payment_attempts a ON a.id::text = s.idempotency_key"
        " WHERE a.order_id = %s",
        (order.data["id"],),
    )
    assert charges["number"] == 1


async def test_one_key_opens_one_cart(shop: Shop) -> None:
    lamp = shop.product()
    answers = await at_once(
        shop.client.post(
            "/api/v1/carts", json={"items": [{"sku": lamp.sku}]}, headers={"Idempotency-Key": "one cart of mine"}
        )
        for _ in range(50)
    )
    _answered_once(answers)


async def test_the_same_key_with_other_bodies_does_one_of_them(shop: Shop) -> None:
    cart = await shop.cart((shop.product(), 1))
    answers = await at_once(
        shop.place(cart, {"Idempotency-Key": "other bodies"}, email=f"ada{n}@example.org") for n in range(20)
    )
    assert statuses(answers)[201] == 1
    assert codes(answers) <= {"idempotency_key_reused", "invalid", "in_flight"}
    placed = next(order_of(answer) for answer in answers if answer.status_code == 201)
    assert (await shop.read(placed))["status"] == "pending"


def _answered_once(answers: Sequence[httpx.Response]) -> None:
    assert set(statuses(answers)) <= {201, 409}
    assert codes(answers) <= {"in_flight"}
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in done) == 1
