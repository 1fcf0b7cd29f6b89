"""From a cart to a paid order."""

from tests.support.shop import ADDRESS, Order, Shop


async def test_a_guest_buys(shop: Shop) -> None:
    lamp = shop.product(price="23.90", stock=5)
    cart = await shop.ship(await shop.cart((lamp, 2), shipping=None), "parcel")
    assert cart.data["subtotal_amount"] == 4780
    assert cart.data["shipping_amount"] == 490
    assert cart.data["total_amount"] == 5270
    assert cart.data["problems"] == []

    answer = await shop.place(cart, first_name="Ada", last_name="Möller", note="Ring twice")
    assert answer.status_code == 201, answer.text
    order = Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})
    assert order.data["total_amount"] == 5270
    assert shop.stock_of(lamp) == (5, 2)

    paying = await shop.pay(order)
    assert paying.status_code == 201, paying.text
    assert paying.json()["attempt_status"] == "succeeded"
    assert shop.stock_of(lamp) == (3, 0)

    seen = await shop.read(order)
    assert (seen["status"], seen["payment_status"]) == ("confirmed", "paid")
    assert seen["email"] == "ada@example.org"
    assert seen["shipping_address"] == ADDRESS
    assert seen["note"] == "Ring twice"
    assert [line["item_type"] for line in seen["lines"]] == ["product", "shipping"]
    assert sum(line["total_amount"] for line in seen["lines"]) == seen["total_amount"]
    assert seen["tax_amount"] == sum(line["tax_amount"] for line in seen["lines"])
    notice = shop.one("SELECT template, status FROM notifications")
    assert notice["template"] == "order_confirmed"


async def test_a_checkout_takes_at_most_seventeen_statements(shop: Shop, statements: list[str]) -> None:
    cart = await shop.cart(*((shop.product(), 1) for _ in range(3)))
    statements.clear()
    answer = await shop.place(cart, {"Idempotency-Key": "place"})
    order = Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})
    paying = await shop.pay(order, **{"Idempotency-Key": "pay"})
    assert paying.json()["payment_status"] == "paid"
    # The sandbox writes books of its own, as a real provider does at home.
    provider = [s for s in statements if "sandbox_payments" in s]
    assert len(provider) == 1
    assert len(statements) - len(provider) <= 17, "\n".join(statements)
