"""Paying races with canceling and expiring: an order ends one way or the other, never both."""

import asyncio
import random

from lex.flows.cancel_order import expire_unpaid_orders
from tests.race.conftest import at_once, cancel, codes, statuses
from tests.support.shop import Order, Shop


async def test_pay_races_cancel(shop: Shop) -> None:
    lamp = shop.product(stock=40)
    orders = await at_once(shop.order((lamp, 1)) for _ in range(40))
    dice = random.Random(6)

    async def both(order: Order) -> tuple[int, int]:
        rivals = [shop.pay(order), cancel(shop, order)]
        first, second = await at_once(rivals if dice.random() < 0.5 else rivals[::-1])
        assert codes([first, second]) <= {"order_canceled", "order_paid", "payment_in_progress"}
        return first.status_code, second.status_code

    await at_once(both(order) for order in orders)
    await _ended_one_way(shop, orders)


async def test_pay_races_cancel_while_the_bank_is_asked(shop: Shop) -> None:
    orders = await at_once(shop.order() for _ in range(20))
    waiting = await at_once(shop.pay(order, "tok_3ds") for order in orders)
    banks = ["/sandbox/3ds/" + answer.json()["action_url"].rpartition("/")[2] for answer in waiting]
    answers = await at_once(
        work
        for order, bank in zip(orders, banks, strict=True)
        for work in (shop.client.post(bank, data={"answer": "approve"}), cancel(shop, order))
    )
    assert set(statuses(answers)) <= {200, 303, 409}
    await asyncio.sleep(1)  # the webhooks of those approved first
    await _ended_one_way(shop, orders)


async def test_pay_races_the_expiry_job(shop: Shop, flows: None) -> None:
    lamp = shop.product(stock=40)
    orders = await at_once(shop.order((lamp, 1)) for _ in range(40))
    for table, column in (("orders", "id"), ("stock_holds", "order_id")):
        shop.db.execute(
            f"UPDATE {table} SET expires_at = now() + interval '0.3 s' WHERE {column} = ANY(%s)",
            ([order.data["id"] for order in orders],),
        )
    dice = random.Random(8)

    async def pay_somewhen(order: Order) -> None:
        await asyncio.sleep(dice.uniform(0, 0.5))
        assert codes([await shop.pay(order)]) <= {"expired", "order_canceled"}

    async def expire() -> None:
        for _ in range(8):
            await expire_unpaid_orders()
            await asyncio.sleep(0.1)

    await at_once([*(pay_somewhen(order) for order in orders), expire(), expire()])
    await _ended_one_way(shop, orders)


async def _ended_one_way(shop: Shop, orders: list[Order]) -> None:
    seen = await at_once(map(shop.read, orders))
    ends = {(order["status"], order["payment_status"]) for order in seen}
    assert ends <= {("confirmed", "paid"), ("canceled", "voided")}, ends
    for order in seen:
        captured = order["payment"]["captured_amount"] if order["payment"] else 0
        assert captured == (order["total_amount"] if order["payment_status"] == "paid" else 0)
