"""The last units, and many who want them."""

import random

from tests.race.conftest import CLIENTS, at_once, cancel, codes, order_of, statuses
from tests.support.shop import Shop


async def test_four_units_and_120_buyers_make_four_orders(shop: Shop) -> None:
    lamp = shop.product(stock=4, name="The last lamp")
    carts = await at_once(shop.cart((lamp, 1)) for _ in range(CLIENTS))

    answers = await at_once(shop.place(cart) for cart in carts)
    assert statuses(answers) == {201: 4, 409: CLIENTS - 4}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {refusal["code"] for refusal in refusals} == {"out_of_stock"}
    assert all(refusal["items"][0]["sku"] == lamp.sku for refusal in refusals)
    assert all("The last lamp" in refusal["detail"] for refusal in refusals)
    assert shop.stock_of(lamp) == (4, 4)

    orders = [order_of(answer) for answer in answers if answer.status_code == 201]
    paid = await at_once(shop.pay(order) for order in orders)
    assert [answer.json()["payment_status"] for answer in paid] == ["paid"] * 4
    assert shop.stock_of(lamp) == (0, 0)


async def test_carts_that_share_items_in_any_order_do_not_block_each_other(shop: Shop) -> None:
    items = [shop.product(stock=12) for _ in range(8)]
    dice = random.Random(7)
    baskets = [[(item, dice.randint(1, 2)) for item in dice.sample(items, 3)] for _ in range(60)]
    carts = await at_once(shop.cart(*basket) for basket in baskets)

    answers = await at_once(shop.place(cart) for cart in carts)
    assert set(statuses(answers)) <= {201, 409}
    assert codes(answers) <= {"out_of_stock"}
    placed = [n for n, answer in enumerate(answers) if answer.status_code == 201]
    for item in items:
        held = sum(quantity for n in placed for other, quantity in baskets[n] if other == item)
        assert shop.stock_of(item) == (12, held)

    orders = [order_of(answers[n]) for n in placed]
    outcomes = await at_once(shop.pay(order) if n % 3 else cancel(shop, order) for n, order in enumerate(orders))
    assert set(statuses(outcomes)) <= {200, 201}
    for item in items:
        sold = sum(quantity for m, n in enumerate(placed) if m % 3 for other, quantity in baskets[n] if other == item)
        assert shop.stock_of(item) == (12 - sold, 0)


async def test_one_line_over_the_stock_refuses_the_whole_cart(shop: Shop) -> None:
    plenty, scarce = shop.product(stock=500), shop.product(stock=3)
    carts = await at_once(shop.cart((plenty, 2), (scarce, 2)) for _ in range(20))
    answers = await at_once(shop.place(cart) for cart in carts)
    assert statuses(answers) == {201: 1, 409: 19}
    assert shop.stock_of(plenty) == (500, 2)
    assert shop.stock_of(scarce) == (3, 2)


async def test_what_unpaid_orders_held_past_their_time_is_sold_on_touch(shop: Shop) -> None:
    chair = shop.product(stock=5)
    late = [await shop.order((chair, 1)) for _ in range(5)]
    shop.db.execute(
        "UPDATE stock_holds SET expires_at = now() - interval '1 minute' WHERE product_id = %s", (chair.id,)
    )
    carts = await at_once(shop.cart((chair, 1)) for _ in range(20))
    answers = await at_once(shop.place(cart) for cart in carts)
    assert statuses(answers) == {201: 5, 409: 15}
    await at_once(cancel(shop, order) for order in late)
    assert shop.stock_of(chair) == (5, 5)
