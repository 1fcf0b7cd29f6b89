"""A coupon on its way: entered, held with the order, redeemed when it is paid, released when it is not."""

from typing import Any

from lex.flows.cancel_order import expire_unpaid_orders
from tests.support.shop import Order, Shop

DECLINED = ("tok_declined", "tok_insufficient_funds", "tok_expired_card")


def uses(shop: Shop, code: str) -> tuple[int, list[str]]:
    """The counter and the states of the rows."""
    count = shop.one("SELECT used_count FROM coupons WHERE code = %s", (code,))["used_count"]
    rows = shop.db.execute(
        "SELECT u.status FROM coupon_usages u JOIN coupons c ON c.id = u.coupon_id WHERE c.code = %s ORDER BY u.id",
        (code,),
    )
    return count, [row["status"] for row in rows]


def order_of(answer: Any) -> Order:
    """The order an answer placed."""
    assert answer.status_code == 201, answer.text
    return Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})


async def test_a_percentage_is_split_and_kept_by_the_order(shop: Shop) -> None:
    shop.db.execute("UPDATE tax_rates SET rate = 20 WHERE country = 'DE' AND tax_class = 'standard'")
    shop.coupon("QUARTER", percentage=25, name="A quarter off")
    cart = await shop.couponed(await shop.cart((shop.product(price="23.90"), 10)), "QUARTER")
    (line,) = cart.data["lines"]
    assert (line["total_amount"], line["net_amount"], line["tax_amount"]) == (17925, 14938, 2987)
    assert (line["discount_amount"], line["discounted_unit_price"]) == (5975, 1792)
    assert [coupon["amount"] for coupon in cart.data["coupons"]] == [5975]
    assert cart.data["subtotal_amount"] - cart.data["discount_amount"] == cart.data["total_amount"] == 17925

    order = order_of(await shop.place(cart))
    assert uses(shop, "QUARTER") == (1, ["held"])
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    assert uses(shop, "QUARTER") == (1, ["redeemed"])
    seen = await shop.read(order)
    assert (seen["total_amount"], seen["payment"]["captured_amount"]) == (17925, 17925)
    assert seen["lines"][0]["discounts"] == [
        {"source": "coupon", "code": "QUARTER", "name": "A quarter off", "amount": 5975}
    ]
    assert shop.one("SELECT amount::text FROM coupon_usages")["amount"] == "59.75"


async def test_three_declines_and_a_payment_redeem_once(shop: Shop) -> None:
    shop.coupon("ONCE", usage_limit=1)
    order = order_of(await shop.place(await shop.couponed(await shop.cart((shop.product(), 1)), "ONCE")))
    for token in DECLINED:
        assert (await shop.pay(order, token)).json()["attempt_status"] == "failed"
        assert uses(shop, "ONCE") == (1, ["held"])
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    assert uses(shop, "ONCE") == (1, ["redeemed"])


async def test_an_abandoned_order_gives_its_coupon_back(shop: Shop) -> None:
    shop.coupon("ONCE", usage_limit=1)
    thing = shop.product()
    order_of(await shop.place(await shop.couponed(await shop.cart((thing, 1)), "ONCE")))
    late = await shop.cart((thing, 1))
    refused = await shop.apply(late, "ONCE")
    assert (refused.status_code, refused.json()["code"]) == (409, "coupon_used_up")
    shop.db.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")
    assert await expire_unpaid_orders() == 1
    assert uses(shop, "ONCE") == (0, ["released"])
    order = order_of(await shop.place(await shop.couponed(late, "ONCE")))
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    assert uses(shop, "ONCE") == (1, ["released", "redeemed"])


async def test_a_canceled_paid_order_gives_its_coupon_back(shop: Shop, key: Any) -> None:
    shop.coupon("ONCE", usage_limit=1)
    order = order_of(await shop.place(await shop.couponed(await shop.cart((shop.product(), 1)), "ONCE")))
    await shop.pay(order)
    canceled = await shop.client.post(
        f"/api/v1/staff/orders/{order.data['id']}/cancel", json={}, headers=await key("admin")
    )
    assert canceled.json()["payment_status"] == "refunded", canceled.text
    assert uses(shop, "ONCE") == (0, ["released"])
