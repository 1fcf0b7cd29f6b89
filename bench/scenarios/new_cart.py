"""A guest's new cart with one line."""

import random
from typing import Any

from bench.goods import Goods, Item
from bench.http import Connection
from bench.scenario import Scenario, check, expect


async def open_cart(connection: Connection, item: Item, quantity: int) -> dict[str, Any]:
    """The answer to a new cart with one line, checked."""
    body = {"country": "DE", "items": [{"sku": item.sku, "quantity": quantity}]}
    opened: dict[str, Any] = expect(await connection.request("POST", "/api/v1/carts", body), 201)
    cart = opened["cart"]
    check([line["sku"] for line in cart["lines"]] == [item.sku], cart["lines"])
    check(cart["total_amount"] == item.price * quantity, cart["total_amount"])
    return opened


async def _new_cart(connection: Connection, goods: Goods, dice: random.Random) -> None:
    await open_cart(connection, dice.choice(goods.items), dice.randint(1, 3))


SCENARIO = Scenario("new cart", "a guest's new cart with one line", _new_cart, (1.5, 1.0))
