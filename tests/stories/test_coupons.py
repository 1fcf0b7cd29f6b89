"""A coupon on its way: entered, held with the order, redeemed when it is paid, released when it is not."""

from typing import Any
from uuid import uuid4

from lex.flows.cancel_order import expire_unpaid_orders
from tests.support.shop import Cart, Order, Shop

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


async def test_once_per_customer_is_by_person_and_by_mailbox(shop: Shop, customer: Any) -> None:
    shop.coupon("ONCE", usage_limit_per_customer=1)
    thing, ada = shop.product(stock=50), await customer("ada@gmail.com")
    bob = await customer("bob@example.org")

    async def attempt(email: str, headers: dict[str, str] | None = None) -> Any:
        cart = await shop.cart((thing, 1))
        if headers:
            merged = await shop.client.post(f"{cart.path}/merge", headers={**cart.headers, **headers})
            cart = await shop.ship(Cart(merged.json()["cart"], headers), "pickup")
        entered = await shop.apply(cart, "ONCE")
        if entered.status_code != 201:
            return entered
        return await shop.place(Cart(entered.json(), cart.headers), email=email)

    assert (await attempt("other@example.org", ada)).status_code == 201
    for email, headers in (
        ("new@example.org", ada),  # the person
        ("other@example.org", None),  # the e-mail she gave
        ("OTHER+again@Example.org", None),  # the same mailbox
        ("ada@gmail.com", None),  # the e-mail of her account
    ):
        refused = await attempt(email, headers)
        assert refused.status_code == 409, email
        assert "You have used the coupon ONCE before" in refused.text
    assert (await attempt("b.o.b@gmail.com")).status_code == 201
    for email in ("bob@gmail.com", "BOB+x@googlemail.com"):
        assert (await attempt(email)).status_code == 409
    # A name at another host is somebody else's, and so are dots there.
    assert (await attempt("b.o.b@example.org")).status_code == 201
    assert (await attempt("bob@example.org", bob)).status_code == 201
    assert uses(shop, "ONCE")[0] == 4


async def test_a_refused_coupon_is_out_of_the_cart_and_the_order_can_be_placed(shop: Shop) -> None:
    shop.coupon("ONCE", usage_limit_per_customer=1)
    thing = shop.product(price="10.00", stock=9)
    assert (await shop.place(await shop.couponed(await shop.cart((thing, 1)), "ONCE"))).status_code == 201
    again = await shop.couponed(await shop.cart((thing, 1)), "ONCE")
    refused = (await shop.place(again)).json()
    assert (refused["code"], refused["total_amount"]) == ("cart_changed", 1000)
    assert refused["changes"][0]["coupon"] == "ONCE"
    placed = await shop.place(again, version=refused["version"], total_amount=refused["total_amount"])
    assert (placed.status_code, placed.json()["total_amount"]) == (201, 1000)


async def test_all_off_needs_no_payment(shop: Shop) -> None:
    shop.coupon("FREE", percentage=100, usage_limit=1)
    thing = shop.product(stock=3)
    order = order_of(await shop.place(await shop.couponed(await shop.cart((thing, 2)), "FREE")))
    assert (order.data["total_amount"], order.data["status"], order.data["payment_status"]) == (0, "confirmed", "paid")
    assert (uses(shop, "FREE"), shop.stock_of(thing)) == ((1, ["redeemed"]), (1, 0))
    seen = await shop.read(order)
    assert (seen["tax_amount"], seen["lines"][0]["total_amount"], seen["lines"][0]["discount_amount"]) == (0, 0, 3980)


async def test_a_unique_code_works_once(shop: Shop, key: Any) -> None:
    coupon, staff = shop.coupon("GIFT", is_bulk=True), await key("admin")
    for edge in ({"starts_at": "9999-12-31T23:59:59-23:00"}, {"ends_at": "0001-01-01T00:00:00+14:00"}):
        beyond = {"code": "EDGE", "type": "fixed", "amount": 100, **edge}
        refused = await shop.client.post("/api/v1/staff/coupons", json=beyond, headers=staff)
        assert (refused.status_code, [fault["field"] for fault in refused.json()["errors"]]) == (422, list(edge))
    for part in ("codes", "usages"):
        of_none = await shop.client.get(f"/api/v1/staff/coupons/{uuid4()}/{part}", headers=staff)
        assert (of_none.status_code, of_none.json()["code"]) == (404, "coupon_not_found")
    path = f"/api/v1/staff/coupons/{coupon}/codes"
    codes = (await shop.client.post(path, json={"number": 3}, headers=staff)).json()["codes"]
    thing = shop.product(stock=9)
    first, second = [await shop.couponed(await shop.cart((thing, 1)), codes[0]) for _ in range(2)]
    order = order_of(await shop.place(first))
    late = await shop.place(second)
    assert (late.status_code, late.json()["changes"][0]["coupon"]) == (409, codes[0])
    used = await shop.apply(await shop.cart((thing, 1)), codes[0])
    assert (used.status_code, used.json()["code"]) == (409, "coupon_used_up")
    await shop.client.post(f"{order.path}/cancel", headers=order.headers)
    assert (await shop.place(await shop.couponed(second, codes[0]))).status_code == 201
    both = await shop.couponed(await shop.cart((thing, 1)), codes[1])
    assert (await shop.apply(both, codes[2])).json()["code"] == "coupon_not_combinable"
    listed = (await shop.client.get(path, headers=staff)).json()["codes"]
    assert {one["code"]: one["status"] for one in listed} == {codes[0]: "held", codes[1]: None, codes[2]: None}


async def test_changed_terms_do_not_move_an_order(shop: Shop) -> None:
    shop.coupon("TEN")
    order = order_of(await shop.place(await shop.couponed(await shop.cart((shop.product(price="10.00"), 1)), "TEN")))
    shop.db.execute("UPDATE coupons SET percentage = 50, is_active = false, ends_at = now()")
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    assert (await shop.read(order))["total_amount"] == 900
    assert uses(shop, "TEN") == (1, ["redeemed"])


async def test_coupons_cost_a_checkout_three_statements(shop: Shop, statements: list[str]) -> None:
    for code in ("TEN", "FIVE"):
        shop.coupon(code, is_stackable=True)

    async def checkout(*codes: str) -> int:
        cart = await shop.couponed(await shop.cart(*((shop.product(), 1) for _ in range(3))), *codes)
        statements.clear()
        order = order_of(await shop.place(cart, {"Idempotency-Key": f"place {codes}"}))
        assert (await shop.pay(order, **{"Idempotency-Key": f"pay {codes}"})).json()["payment_status"] == "paid"
        return len([s for s in statements if "sandbox_payments" not in s and "procrastinate_jobs" not in s])

    plain = await checkout()
    assert plain <= 20
    # Their lock, and after it that of the products and the facts: without coupons these go out with the cart's lock.
    assert await checkout("TEN", "FIVE") == plain + 3
