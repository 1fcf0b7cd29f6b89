"""A shop to sell from, through its API: `shop.product(stock=4)`, `await shop.order(paid=True)`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, LiteralString
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from lex.core import actor, ids
from lex.db.session import transaction
from lex.identity.commands import create_api_key, create_user

Json = dict[str, Any]
_number = count(1)

#: Under how many idempotency keys somebody is at work.
_CLAIMED: LiteralString = """
SELECT count(*) AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
"""
ADDRESS = {
    "recipient_name": "Ada Möller",
    "line1": "Lange Straße 7",
    "city": "Bremen",
    "postal_code": "28195",
    "country": "DE",
}

_CONDITIONS = """
INSERT INTO tax_rates (id, country, tax_class, rate, name)
VALUES (uuid_v7(), 'DE', 'standard', 19, 'VAT'), (uuid_v7(), 'DE', 'reduced', 7, 'VAT'),
       (uuid_v7(), 'FR', 'standard', 20, 'TVA') ON CONFLICT DO NOTHING;
INSERT INTO shipping_methods (id, code, name, kind, price, free_from, countries, "order")
VALUES (uuid_v7(), 'parcel', 'Parcel', 'flat', 4.90, 75, '{DE,FR}', 1),
       (uuid_v7(), 'pickup', 'Collection', 'pickup', 0, NULL, '{}', 2) ON CONFLICT DO NOTHING;
"""

_PRODUCT = """
WITH product AS (
    INSERT INTO products (id, sku, slug, name, price, track_inventory, stock_quantity, product_type, tax_class,
        variant_of)
    VALUES (%(id)s, %(sku)s, lower(%(sku)s), %(name)s, %(price)s, %(track)s, %(stock)s, %(type)s, %(tax_class)s,
        %(variant_of)s) RETURNING id
)
INSERT INTO stock_movements (id, product_id, kind, on_hand_change)
SELECT uuid_v7(), id, 'receive', %(stock)s FROM product WHERE %(stock)s > 0
"""

_RECEIVE = """
WITH product AS (
    UPDATE products SET stock_quantity = stock_quantity + %(quantity)s WHERE id = %(id)s RETURNING id
)
INSERT INTO stock_movements (id, product_id, kind, on_hand_change)
SELECT uuid_v7(), id, 'adjust', %(quantity)s FROM product
"""


@dataclass(frozen=True, slots=True)
class Product:
    """A product in the shop."""

    id: UUID
    sku: str


@dataclass(frozen=True, slots=True)
class Cart:
    """A guest's open cart: the last answer about it, and the header that opens it."""

    data: Json
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/api/v1/carts/{self.data['id']}"


@dataclass(frozen=True, slots=True)
class Order:
    """A placed order: the answer that placed it, and the header that opens it."""

    data: Json
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/api/v1/orders/{self.data['id']}"


class Shop:
    """Tax rates, shipping methods and whatever a test puts on the shelf."""

    def __init__(self, client: httpx.AsyncClient | Any, database_url: str) -> None:
        self.client = client
        self.db = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)
        self.db.execute(_CONDITIONS)

    def product(
        self,
        *,
        price: str = "19.90",
        stock: int = 10,
        track: bool = True,
        kind: str = "physical",
        tax_class: str = "standard",
        variant_of: UUID | None = None,
        sku: str | None = None,
        name: str | None = None,
    ) -> Product:
        """Put a product on the shelf."""
        made = Product(ids.new_id(), sku or f"SKU-{next(_number)}")
        params = {
            **{"id": made.id, "sku": made.sku, "name": name or f"Thing {made.sku}", "price": price},
            **{"track": track, "stock": stock if track else 0, "type": kind, "tax_class": tax_class},
            "variant_of": variant_of,
        }
        self.db.execute(_PRODUCT, params)
        return made

    def one(self, statement: str, params: Mapping[str, Any] | tuple[Any, ...] = ()) -> Json:
        """The first row of a statement, straight from the database."""
        row = self.db.execute(statement, params).fetchone()
        assert row is not None
        return row

    async def until_claimed(self) -> None:
        """Wait for somebody to be at work under an idempotency key."""
        while not self.one(_CLAIMED)["n"]:  # noqa: ASYNC110 - no event comes from there
            await asyncio.sleep(0.01)

    def stock_of(self, product: Product) -> tuple[int, int]:
        """(on hand, reserved)."""
        row = self.one("SELECT stock_quantity, reserved_quantity FROM products WHERE id = %s", (product.id,))
        return row["stock_quantity"], row["reserved_quantity"]

    def coupon(self, code: str, kind: str = "percentage", **columns: Any) -> UUID:
        """A coupon, 10 % unless told otherwise; amounts in major units as in the table."""
        given = {"percentage": 10} if kind == "percentage" else {}
        values = {"id": ids.new_id(), "code": code, "type": kind, **given, **columns}
        values = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in values.items()}
        places = ", ".join(f"%({name})s" for name in values)
        self.db.execute(f"INSERT INTO coupons ({', '.join(values)}) VALUES ({places})", values)
        return UUID(str(values["id"]))

    async def apply(self, cart: Cart, code: str, **headers: str) -> httpx.Response:
        """Try to enter a coupon."""
        path, sent = f"{cart.path}/coupons", {**cart.headers, **headers}
        answer: httpx.Response = await self.client.post(path, json={"code": code}, headers=sent)
        return answer

    async def couponed(self, cart: Cart, *codes: str, **headers: str) -> Cart:
        """The cart with these coupons."""
        for code in codes:
            answer = await self.apply(cart, code, **headers)
            assert answer.status_code == 201, answer.text
            cart = Cart(answer.json(), cart.headers)
        return cart

    async def cart(self, *items: tuple[Product, int], country: str = "DE", shipping: str | None = "pickup") -> Cart:
        """A guest's cart with these items, ready to be placed."""
        body = {"country": country, "items": [{"sku": product.sku, "quantity": n} for product, n in items]}
        answer = await self.client.post("/api/v1/carts", json=body)
        assert answer.status_code == 201, answer.text
        cart = Cart(answer.json()["cart"], {"X-Cart-Token": answer.json()["token"]})
        return cart if shipping is None else await self.ship(cart, shipping)

    async def ship(self, cart: Cart, method: str) -> Cart:
        """Choose how it is shipped."""
        answer = await self.client.patch(cart.path, json={"shipping_method": method}, headers=cart.headers)
        assert answer.status_code == 200, answer.text
        return Cart(answer.json(), cart.headers)

    async def see(self, cart: Cart) -> Cart:
        """The cart as it stands now; its price changes are told by this."""
        answer = await self.client.get(cart.path, headers=cart.headers)
        assert answer.status_code == 200, answer.text
        return Cart(answer.json(), cart.headers)

    async def add(self, cart: Cart, **item: Any) -> httpx.Response:
        """Try to put something into a cart."""
        answer: httpx.Response = await self.client.post(f"{cart.path}/items", json=item, headers=cart.headers)
        return answer

    def receive(self, product: Product, quantity: int) -> None:
        """Units arrive (or go)."""
        self.db.execute(_RECEIVE, {"id": product.id, "quantity": quantity})

    async def staff(self, role: str = "admin") -> dict[str, str]:
        """Headers of a new staff member's key."""
        async with transaction(actor.system()) as session:
            person = await create_user(session, role=role, email=f"{role}{next(_number)}@shop.example")
            return {"Authorization": f"Bearer {await create_api_key(session, person.id, 'test')}"}

    def set(self, product: Product, **columns: Any) -> None:
        """Change a product behind the shop's back, as the back office does."""
        for column, value in columns.items():
            self.db.execute(f"UPDATE products SET {column} = %s WHERE id = %s", (value, product.id))

    async def place(self, cart: Cart, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Try to place a cart."""
        shown = {name: cart.data[name] for name in ("version", "total_amount")}
        sent = {**shown, "email": "ada@example.org", "shipping_address": ADDRESS, **body}
        path = f"{cart.path}/checkout"
        answer: httpx.Response = await self.client.post(path, json=sent, headers={**cart.headers, **(headers or {})})
        return answer

    async def order(self, *items: tuple[Product, int], paid: bool = False, **body: Any) -> Order:
        """A placed order, paid by a card that works if asked for."""
        cart = await self.cart(*(items or ((self.product(), 1),)))
        answer = await self.place(cart, **body)
        assert answer.status_code == 201, answer.text
        order = Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})
        if paid:
            paying = await self.pay(order)
            assert paying.json()["payment_status"] == "paid", paying.text
        return order

    async def pay(self, order: Order, token: str = "tok_visa", **headers: str) -> httpx.Response:
        """Try to pay an order."""
        body = {"token": token, "return_url": "http://shop.example/back"}
        answer: httpx.Response = await self.client.post(
            f"{order.path}/payments", json=body, headers={**order.headers, **headers}
        )
        return answer

    async def read(self, order: Order) -> Json:
        """The order as its buyer sees it."""
        answer = await self.client.get(order.path, headers=order.headers)
        assert answer.status_code == 200, answer.text
        seen: Json = answer.json()
        return seen
