"""The desk races with itself and with jobs: goods go or money goes back, never both."""

import asyncio
import random
from collections.abc import Mapping
from uuid import UUID

import httpx

from lex.core.actor import system
from lex.flows.grant_downloads import grant_downloads
from tests.race.conftest import at_once, codes, statuses
from tests.stories.test_downloads import add_file
from tests.support.shop import Order, Shop

Headers = Mapping[str, str]


async def test_handing_over_races_a_staff_cancel(shop: Shop, flows: None) -> None:
    lamp, staff, dice = shop.product(stock=24), await shop.staff(), random.Random(1)
    orders = await at_once(shop.order((lamp, 1), paid=True) for _ in range(24))

    async def both(order: Order) -> None:
        handing = _desk(shop, order, "fulfilments", staff, after=dice.uniform(0, 0.03))
        canceled, handed = await at_once([_desk(shop, order, "cancel", staff), handing])
        assert codes([canceled, handed]) <= {"order_fulfilled", "order_canceled", "order_unpaid", "refund_in_progress"}
        seen = await shop.read(order)
        states = (seen["status"], seen["payment_status"], seen["fulfilment_status"])
        expected = (
            ("canceled", "refunded", "unfulfilled") if canceled.is_success else ("processing", "paid", "fulfilled")
        )
        assert states == expected
        assert handed.is_success is not canceled.is_success

    await at_once(map(both, orders))


async def test_granting_downloads_races_a_staff_cancel(shop: Shop, flows: None) -> None:
    plan, staff, dice = shop.product(kind="digital", track=False), await shop.staff(), random.Random(2)
    add_file(shop, plan)
    orders = await at_once(shop.order((plan, 1)) for _ in range(24))
    await at_once(map(shop.pay, orders))

    async def both(order: Order) -> None:
        async def grant() -> None:
            await asyncio.sleep(dice.uniform(0, 0.03))
            await grant_downloads(system(), order_id=UUID(order.data["id"]))

        canceled, _ = await asyncio.gather(_desk(shop, order, "cancel", staff), grant())
        assert codes([canceled]) <= {"order_completed"}
        seen = await shop.read(order)
        granted = shop.one("SELECT count(*) AS n FROM downloads WHERE order_id = %s", (order.data["id"],))["n"]
        expected = ("canceled", "refunded", 0) if canceled.is_success else ("completed", "paid", 1)
        assert (seen["status"], seen["payment_status"], granted) == expected

    await at_once(map(both, orders))


async def test_parallel_staff_cancels_all_succeed(shop: Shop, flows: None) -> None:
    lamp, staff = shop.product(stock=12), await shop.staff()
    orders = await at_once(shop.order((lamp, 1), paid=True) for _ in range(12))
    answers = await at_once(_desk(shop, order, "cancel", staff, after=n * 0.01) for order in orders for n in range(4))
    assert statuses(answers) == {200: 48}
    assert shop.one("SELECT count(*) AS n FROM refunds WHERE order_id = ANY(%s)", (_ids(orders),))["n"] == 12
    assert shop.stock_of(lamp) == (12, 0)


async def _desk(shop: Shop, order: Order, what: str, staff: Headers, *, after: float = 0) -> httpx.Response:
    await asyncio.sleep(after)
    path = f"/api/v1/staff/orders/{order.data['id']}/{what}"
    answer: httpx.Response = await shop.client.post(path, json={}, headers=staff)
    return answer


def _ids(orders: list[Order]) -> list[str]:
    return [order.data["id"] for order in orders]
