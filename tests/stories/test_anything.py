"""Whatever buyers, staff, the clock and the provider do, in whatever order: the books agree in the end."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lex.flows.cancel_order import expire_unpaid_orders
from lex.flows.refresh_payment import reconcile_attempts
from tests.stories.test_endings import run_out
from tests.stories.test_paying import age
from tests.support.invariants import broken
from tests.support.shop import Cart, Order, Product, Shop

CARDS = ("tok_visa", "tok_declined", "tok_3ds", "tok_late", "tok_lost", "tok_lost_before", "tok_authorize_only")

which = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("fill"), which, st.integers(1, 4)),
    st.tuples(st.just("place"), which, st.booleans()),
    st.tuples(st.just("pay"), which, st.sampled_from(CARDS)),
    st.tuples(st.just("cancel"), which, st.booleans()),
    st.tuples(st.just("hand_over"), which, st.booleans()),
    st.tuples(st.just("run_out"), which, st.just(0)),
    st.tuples(st.just("bank"), which, st.booleans()),
    st.tuples(st.just("reconcile"), which, st.just(0)),
    st.tuples(st.just("reprice"), which, st.integers(1, 500)),
)


@dataclass
class World:
    """A shop with two things to sell and people who do as they please."""

    shop: Shop
    staff: dict[str, str]
    goods: list[Product]
    received: int = 4
    carts: list[Cart] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    async def step(self, what: str, number: int, extra: Any) -> None:
        """Do one thing, if there is something to do it with. Nothing may answer 5xx."""
        if what in ("pay", "cancel", "hand_over", "run_out", "bank"):
            if self.orders:
                await getattr(self, what)(self.orders[number % len(self.orders)], extra)
        elif what == "place":
            if self.carts:
                await self.place(self.carts[number % len(self.carts)], extra)
        else:
            await getattr(self, what)(self.goods[number % len(self.goods)], extra)

    async def fill(self, product: Product, quantity: int) -> None:
        self.carts.append(await self.shop.cart((product, quantity), (self.goods[0], 1)))

    async def place(self, cart: Cart, look: bool) -> None:
        if look and cart.data["status"] == "open":
            cart = await self.shop.see(cart)
        answer = await self.shop.place(cart)
        assert answer.status_code in (201, 409), answer.text
        if answer.status_code == 201:
            self.orders.append(Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]}))

    async def pay(self, order: Order, token: str) -> None:
        answer = await self.shop.pay(order, token)
        assert answer.status_code in (201, 409, 410), answer.text

    async def cancel(self, order: Order, by_staff: bool) -> None:
        if by_staff:
            path = f"/api/v1/staff/orders/{order.data['id']}/cancel"
            answer = await self.shop.client.post(path, json={}, headers=self.staff)
        else:
            answer = await self.shop.client.post(f"{order.path}/cancel", headers=order.headers)
        assert answer.status_code in (200, 409), answer.text

    async def hand_over(self, order: Order, wholly: bool) -> None:
        line = (await self.shop.read(order))["lines"][0]["id"]
        body: dict[str, Any] = {} if wholly else {"items": [{"order_item_id": line, "quantity": 1}]}
        path = f"/api/v1/staff/orders/{order.data['id']}/fulfilments"
        answer = await self.shop.client.post(path, json=body, headers=self.staff)
        assert answer.status_code in (201, 409, 422), answer.text

    async def run_out(self, order: Order, _: int) -> None:
        statement = "SELECT count(*) AS n FROM payment_attempts WHERE order_id = %s AND finished_at IS NULL"
        if not self.shop.one(statement, (order.data["id"],))["n"]:
            run_out(self.shop, order)
        await expire_unpaid_orders()

    async def bank(self, order: Order, approve: bool) -> None:
        asked = (await self.shop.client.post(f"{order.path}/payments/refresh", headers=order.headers)).json()
        if asked.get("action_url"):
            path = "/sandbox/3ds/" + asked["action_url"].rpartition("/")[2]
            await self.shop.client.post(path, data={"answer": "approve" if approve else "refuse"})
            await self.shop.client.post(f"{order.path}/payments/refresh", headers=order.headers)

    async def reconcile(self, _: Product, __: int) -> None:
        self.shop.db.execute(
            "UPDATE sandbox_payments SET status = 'captured', captured = amount WHERE status = 'processing'"
        )
        age(self.shop)
        await reconcile_attempts()

    async def reprice(self, product: Product, price: int) -> None:
        self.shop.set(product, price=price)

    async def agrees(self) -> bool:
        """What the buyers see of their orders explains every unit."""
        sold = held = 0
        for order in self.orders:
            seen = await self.shop.read(order)
            units = sum(line["quantity"] for line in seen["lines"] if line["item_type"] == "product")
            assert sum(line["total_amount"] for line in seen["lines"]) == seen["total_amount"]
            held += units if seen["status"] == "pending" else 0
            sold += units if seen["status"] in ("confirmed", "processing", "completed") else 0
        stock = [self.shop.stock_of(product) for product in self.goods]
        return sum(on_hand for on_hand, _ in stock) == 2 * self.received - sold and sum(r for _, r in stock) == held


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEPS, min_size=6, max_size=18))
async def test_the_books_agree_in_the_end(shop: Shop, database_url: str, steps: list[tuple[str, int, Any]]) -> None:
    world = World(shop, await shop.staff(), [shop.product(stock=4) for _ in range(2)])
    for what, number, extra in [("fill", 0, 1), ("fill", 1, 2), ("place", 0, True), *steps]:
        await world.step(what, number, extra)
    await world.reconcile(world.goods[0], 0)  # a charge whose answer was lost is in the provider's books only
    assert broken(database_url) == {}
    assert await world.agrees()


@pytest.mark.parametrize("end", ["paid", "canceled"])
async def test_a_long_day(shop: Shop, database_url: str, end: str) -> None:
    """One product, forty orders, every card: nothing is lost at the end of the day."""
    world = World(shop, await shop.staff(), [shop.product(stock=100), shop.product(stock=100)], received=100)
    for n in range(21):
        order = await shop.order((world.goods[n % 2], 1 + n % 3))
        world.orders.append(order)
        await world.pay(order, CARDS[n % len(CARDS)])
        await world.bank(order, bool(n % 2))
    await world.reconcile(world.goods[0], 0)
    for order in world.orders:
        if end == "paid":
            await world.pay(order, "tok_visa")
            await world.hand_over(order, True)
        else:
            await world.cancel(order, True)
    assert broken(database_url) == {}
    assert await world.agrees()
    assert {(await shop.read(order))["payment_status"] for order in world.orders} <= {"paid", "refunded", "voided"}
