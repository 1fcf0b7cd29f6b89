"""A whole checkout: four requests, from a new cart to a paid order."""

import random
from uuid import uuid4

from bench.goods import Goods
from bench.http import Connection
from bench.scenario import Scenario, check, expect
from bench.scenarios.new_cart import open_cart

ADDRESS = {
    "recipient_name": "Ada Möller",
    "line1": "Lange Straße 7",
    "city": "Bremen",
    "postal_code": "28195",
    "country": "DE",
}


async def _checkout(connection: Connection, goods: Goods, dice: random.Random) -> None:
    item, quantity = dice.choice(goods.items), dice.randint(1, 3)
    opened = await open_cart(connection, item, quantity)
    guest, path = {"x_cart_token": opened["token"]}, f"/api/v1/carts/{opened['cart']['id']}"
    cart = expect(await connection.request("PATCH", path, {"shipping_method": "parcel"}, **guest), 200)
    goods_amount = item.price * quantity
    total = goods_amount + (0 if goods_amount >= 7500 else 490)
    check(cart["total_amount"] == total, cart["total_amount"])

    buyer = {"first_name": "Ada", "last_name": "Möller", "email": f"{uuid4().hex}@example.org"}
    body = {"version": cart["version"], "total_amount": total, "shipping_address": ADDRESS, **buyer}
    key = {"idempotency_key": uuid4().hex}
    placed = expect(await connection.request("POST", f"{path}/checkout", body, **guest, **key), 201)
    check((placed["status"], placed["total_amount"]) == ("pending", total), placed)

    headers = {"x_order_token": placed["access_token"], "idempotency_key": uuid4().hex}
    payment = {"token": "tok_visa", "return_url": "http://shop.example/back"}
    path = f"/api/v1/orders/{placed['id']}/payments"
    paid = expect(await connection.request("POST", path, payment, **headers), 201)
    check((paid["order_status"], paid["payment_status"]) == ("confirmed", "paid"), paid)


SCENARIO = Scenario("checkout", "cart with one line, shipping, placed, paid: four requests", _checkout, (6.0, 6.0))
