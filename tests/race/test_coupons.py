"""A coupon that is worth something to few, and many who enter it."""

import random
from ipaddress import ip_network

from lex.flows.cancel_order import expire_unpaid_orders
from tests.race.conftest import at_once, cancel, codes, order_of, statuses
from tests.support.shop import Cart, Product, Shop

CARTS = 200


def uses(shop: Shop, code: str) -> dict[str, int]:
    """The counter, and the rows by status."""
    counted = shop.db.execute(
        "SELECT u.status, count(*) AS number FROM coupon_usages u JOIN coupons c ON c.id = u.coupon_id"
        " WHERE c.code = %s GROUP BY u.status",
        (code,),
    ).fetchall()
    count = shop.one("SELECT used_count FROM coupons WHERE code = %s", (code,))["used_count"]
    return {"counter": count, **{row["status"]: row["number"] for row in counted}}


_ADDRESSES = ip_network("198.18.0.0/15").hosts()


async def couponed(shop: Shop, number: int, *codes: str, product: Product | None = None) -> list[Cart]:
    """Carts with these coupons, filled a few at a time: only placing them is the race."""
    carts: list[Cart] = []
    for start in range(0, number, 10):
        lamp = product or shop.product(stock=500)
        some = await at_once(shop.cart((lamp, 1)) for _ in range(start, min(start + 10, number)))
        # Each from an address of its own: from a single one so many look like guessing.
        buyers = [{"X-Forwarded-For": str(next(_ADDRESSES))} for _ in some]
        carts += await at_once(shop.couponed(cart, *codes, **buyer) for cart, buyer in zip(some, buyers, strict=True))
    return carts


async def test_a_limit_of_ten_and_200_buyers_make_ten_redemptions(shop: Shop) -> None:
    shop.coupon("TENONLY", usage_limit=10)
    carts = await couponed(shop, CARTS, "TENONLY")

    answers = await at_once(shop.place(cart, email=f"buyer{n}@example.org") for n, cart in enumerate(carts))
    assert statuses(answers) == {201: 10, 409: CARTS - 10}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {refusal["code"] for refusal in refusals} == {"cart_changed"}
    assert all("TENONLY is used up" in refusal["changes"][0]["message"] for refusal in refusals)
    assert uses(shop, "TENONLY") == {"counter": 10, "held": 10}

    orders = [order_of(answer) for answer in answers if answer.status_code == 201]
    for token in ("tok_declined", "tok_expired_card", "tok_incorrect_cvc"):
        declined = await at_once(shop.pay(order, token) for order in orders)
        assert {answer.json()["attempt_status"] for answer in declined} == {"failed"}
    paid = await at_once(shop.pay(order) for order in orders)
    assert {answer.json()["payment_status"] for answer in paid} == {"paid"}
    assert uses(shop, "TENONLY") == {"counter": 10, "redeemed": 10}


async def test_one_customer_in_fifty_tabs_uses_it_once(shop: Shop) -> None:
    shop.coupon("ONCEEACH", usage_limit_per_customer=1)
    spellings = ("ada@gmail.com", "Ada@gmail.com", "a.d.a@gmail.com", "ada+x@googlemail.com", "ada+y@gmail.com")
    carts = await couponed(shop, 50, "ONCEEACH")
    answers = await at_once(shop.place(cart, email=spellings[n % 5]) for n, cart in enumerate(carts))
    assert statuses(answers) == {201: 1, 409: 49}
    assert uses(shop, "ONCEEACH") == {"counter": 1, "held": 1}


async def test_a_unique_code_entered_by_thirty_is_used_once(shop: Shop, flows: None) -> None:
    coupon, staff = shop.coupon("BULKRACE", is_bulk=True), await shop.staff()
    made = await shop.client.post(f"/api/v1/staff/coupons/{coupon}/codes", json={"number": 1}, headers=staff)
    (code,) = made.json()["codes"]
    carts = await couponed(shop, 30, code)
    answers = await at_once(shop.place(cart, email=f"b{n}@example.org") for n, cart in enumerate(carts))
    assert statuses(answers) == {201: 1, 409: 29}
    assert uses(shop, "BULKRACE") == {"counter": 1, "held": 1}


async def test_placing_paying_and_canceling_together_neither_block_nor_drift(shop: Shop) -> None:
    for code in ("MIXA", "MIXB", "MIXC"):
        shop.coupon(code, usage_limit=40, is_stackable=True)
    dice = random.Random(11)
    chosen = [dice.sample(["MIXA", "MIXB", "MIXC"], 2) for _ in range(60)]
    items = [shop.product(stock=500) for _ in range(4)]
    carts = [cart for codes_ in chosen for cart in await couponed(shop, 1, *codes_, product=dice.choice(items))]

    early = await at_once(shop.place(cart, email=f"m{n}@example.org") for n, cart in enumerate(carts[:30]))
    assert statuses(early) == {201: 30}
    orders = [order_of(answer) for answer in early]
    ends = [shop.pay(order) if n % 2 else cancel(shop, order) for n, order in enumerate(orders)]
    late = [shop.place(cart, email=f"n{n}@example.org") for n, cart in enumerate(carts[30:])]
    answers = await at_once([*ends, *late])
    assert set(statuses(answers)) <= {200, 201, 409}
    assert codes(answers) <= {"cart_changed"}
    paid = [n for n in range(30) if n % 2]
    placed = [30 + n for n, answer in enumerate(answers[30:]) if answer.status_code == 201]
    for code in ("MIXA", "MIXB", "MIXC"):
        assert uses(shop, code)["counter"] == sum(code in chosen[n] for n in (*paid, *placed))


async def test_paying_and_running_out_of_time_end_in_one_of_both(shop: Shop, flows: None) -> None:
    shop.coupon("LATE", usage_limit=20)
    carts = await couponed(shop, 20, "LATE")
    orders = [order_of(one) for one in await at_once(shop.place(cart) for cart in carts)]
    shop.db.execute(
        "UPDATE orders SET expires_at = now() - interval '1 minute' WHERE id = ANY(%s::uuid[])",
        ([order.data["id"] for order in orders],),
    )
    paying = [shop.pay(order) for order in orders[:10]]
    await at_once([*paying, expire_unpaid_orders(), expire_unpaid_orders()])
    await expire_unpaid_orders()
    seen = await at_once(map(shop.read, orders))
    paid = sum(order["payment_status"] == "paid" for order in seen)
    assert all(order["payment_status"] == "paid" or order["status"] == "canceled" for order in seen)
    counted = uses(shop, "LATE")
    assert (counted["counter"], counted.get("redeemed", 0), counted["released"]) == (paid, paid, 20 - paid)
