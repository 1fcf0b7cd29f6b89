"""What a customer's connection tries to place: an order as no cart would make it. Each is the order below but for one
thing, and the order itself is accepted.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from lex.core import ids
from lex.ops import roles
from tests.conftest import temporary_database
from tests.hostile.attempts import APP, STAFF, WORKER
from tests.support.cluster import Cluster
from tests.support.roles import connect_as
from tests.support.rows import Rows

Row = dict[str, Any]

#: Two of a product at 10.00 with 5.00 for shipping and the coupon TENTH, a tenth of the goods.
ORDER: Row = {
    "order_type": "product",
    "fulfilment_status": "unfulfilled",
    "currency": "EUR",
    "prices_include_tax": True,
    "subtotal_amount": 20,
    "discount_amount": 2,
    "shipping_amount": 5,
    "tax_amount": 3,
    "total_amount": 23,
    "taxes": "[]",
    "shipping_method": '{"code": "parcel"}',
    "shipping_country": "DE",
}
LINE: Row = {
    "item_type": "product",
    "position": 1,
    "name": "Thing",
    "sku": "THING",
    "options": "{}",
    "quantity": 2,
    "unit_price": 10,
    "discounted_unit_price": 9,
    "discount_amount": 2,
    "discounts": "[]",
    "tax_class": "standard",
    "tax_rate": 20,
    "net_amount": 15,
    "tax_amount": 3,
    "total_amount": 18,
    "is_stock_tracked": True,
    "requires_shipping": True,
    "is_digital": False,
    "fulfilled_quantity": 0,
    "refunded_quantity": 0,
}
SHIPPING: Row = {
    **LINE,
    "item_type": "shipping",
    "position": 2,
    "quantity": 1,
    "unit_price": 5,
    "discounted_unit_price": 5,
    "discount_amount": 0,
    "net_amount": 5,
    "tax_amount": 0,
    "total_amount": 5,
    "is_stock_tracked": False,
}
USE: Row = {"amount": 2, "status": "held"}
LISTED = "a line has the price, the stock and the name of what is on sale"
BEGUN = "what is shipped waits for it, and nothing was handed over or given back yet"
SUMS = "a line is its units at their price, less its discount"
GOODS = "subtotal and discount are those of its goods"
COUPONS = "what is taken off is what its coupons give"
SOLD_ELSE = {"product_id": None, "is_stock_tracked": False, "requires_shipping": False}
WAY = "what is shipped has a way to ship"
OFFERED = "it is sent by a way to ship that reaches it, at its price"
FREE = {"unit_price": 0, "discount_amount": 0, "net_amount": 0, "tax_amount": 0, "total_amount": 0}
#: What is tried: the order, its line and the use of the coupon with other values, and the answer. No use: None.
TRIED: list[tuple[str, Row, Row, Row | None, str]] = [
    (
        "a million for nothing",
        {"subtotal_amount": 0, "discount_amount": 0, "tax_amount": 0, "total_amount": 5},
        {**FREE, "quantity": 1_000_000, "is_stock_tracked": False},
        None,
        LISTED,
    ),
    ("what is tracked as if it were not", {}, {"is_stock_tracked": False}, USE, LISTED),
    (
        "at a price of one's own",
        {"subtotal_amount": 2, "discount_amount": 0, "total_amount": 7, "tax_amount": 0},
        {"unit_price": 1, "discount_amount": 0, "net_amount": 2, "tax_amount": 0, "total_amount": 2},
        None,
        LISTED,
    ),
    (
        "more units at the same sum",
        {},
        {"quantity": 3},
        USE,
        SUMS,
    ),
    ("what is not sold any more", {}, {"product_id": "gone", "sku": "GONE"}, USE, LISTED),
    ("what is hidden", {}, {"product_id": "hidden", "sku": "HIDDEN"}, USE, LISTED),
    ("a family instead of a variant", {}, {"product_id": "family", "sku": "FAMILY"}, USE, LISTED),
    ("the number of something else", {}, {"sku": "FAMILY"}, USE, LISTED),
    ("the name of something else", {}, {"name": "Thing of gold"}, USE, LISTED),
    ("goods that are sent as if they were a file", {}, {"is_digital": True, "requires_shipping": False}, USE, LISTED),
    ("goods nobody has to send", {"fulfilment_status": "not_needed"}, {}, USE, BEGUN),
    ("what was handed over", {}, {"fulfilled_quantity": 1}, USE, BEGUN),
    ("what was given back", {}, {"refunded_quantity": 1}, USE, BEGUN),
    (
        "a service of another price",
        {},
        {"item_type": "service", "product_id": None, "service_id": "service", "is_stock_tracked": False},
        USE,
        LISTED,
    ),
    *(
        (
            f"a {item} that is withdrawn",
            {},
            {**SOLD_ELSE, "item_type": item, f"{column}_id": "withdrawn " + item},
            USE,
            LISTED,
        )
        for item, column in (("service", "service"), ("plan", "subscription_plan"))
    ),
    ("sent for nothing", {"shipping_amount": 0, "total_amount": 18, "sent": FREE}, {}, USE, OFFERED),
    ("sent twice for once", {"sent": {"quantity": 2, "unit_price": 2.5}}, {}, USE, OFFERED),
    ("sent by no way there is", {"shipping_method": '{"code": "drone"}'}, {}, USE, OFFERED),
    ("sent by a way that was taken out", {"shipping_method": '{"code": "horse"}'}, {}, USE, OFFERED),
    ("sent where the way does not lead", {"shipping_country": "US"}, {}, USE, OFFERED),
    ("sent by nobody", {"shipping_amount": 0, "total_amount": 18, "sent": None}, {}, USE, WAY),
    ("in money of a game", {"currency": "XXX"}, {"currency": "XXX"}, USE, "the shop sells in EUR"),
    ("a subtotal of one's own", {"subtotal_amount": 30, "discount_amount": 12}, {}, USE, GOODS),
    ("a discount without a coupon", {}, {}, None, COUPONS),
    ("a coupon that gives less", {}, {}, {"amount": 1}, "does not give 1.00 now"),
    ("a coupon over its share", {}, {}, {"amount": 3}, "does not give 3.00 now"),
    (
        "a coupon for a tenth that gives whole euros",
        {"subtotal_amount": 15, "total_amount": 18},
        {"quantity": 1, "unit_price": 15, "total_amount": 13, "net_amount": 10},
        USE,
        "does not give 2.00 now",
    ),
    (
        "a coupon that is used up for nothing",
        {"discount_amount": 0, "total_amount": 25},
        {"discount_amount": 0, "net_amount": 17, "total_amount": 20},
        {"amount": 0},
        "does not give 0.00 now",
    ),
    *(
        (f"a coupon that is {code.lower()}", {}, {}, {"coupon_id": code}, "does not give 2.00 now")
        for code in ("EXPIRED", "EARLY", "INACTIVE", "DELETED", "BULK", "LARGE", "SMALL", "SENT", "TWENTIETH")
    ),
]


class Shop:
    """What Eve may order, and what of it is wrong."""

    def __init__(self, url: str, rows: Rows) -> None:
        self.url = url
        self.nobody: UUID = rows.add("users", role="user")["id"]
        self.eve: UUID = rows.add("users", role="user")["id"]
        rows.add("person_keys", user_id=self.eve)
        rows.add("shop_facts", name="currency", value="EUR")
        rows.add("shipping_methods", code="parcel", kind="flat", price=5, free_from=40, countries=["DE"])
        rows.add("shipping_methods", code="horse", kind="flat", price=5, is_active=False)
        self.named: dict[str, UUID] = {"service": rows.add("services", price=11)["id"]}
        past = rows.one("SELECT now() - interval '1 day'")
        wares: dict[str, Row] = {
            "thing": {},
            "gone": {"deleted_at": past},
            "hidden": {"is_active": False},
            "family": {},
        }
        for name, given in wares.items():
            row = {
                "sku": name.upper(),
                "slug": name,
                "name": "Thing",
                "price": 10,
                "is_active": True,
                "track_inventory": True,
            }
            self.named[name] = rows.add("products", **{**row, **given})["id"]
        rows.add("products", sku="V", slug="v", price=10, variant_of=self.named["family"])
        self.named["withdrawn service"] = rows.add("services", slug="w", price=10, is_active=False)["id"]
        self.named["withdrawn plan"] = rows.add("subscription_plans", price=10, is_active=False)["id"]
        coupons: dict[str, Row] = {
            "TENTH": {},
            "EXPIRED": {"ends_at": past},
            "EARLY": {"starts_at": rows.one("SELECT now() + interval '1 day'")},
            "INACTIVE": {"is_active": False},
            "DELETED": {"deleted_at": past},
            "BULK": {"is_bulk": True},
            "LARGE": {"minimum_amount": 21},
            "SMALL": {"type": "fixed", "amount": 1, "percentage": None},
            "SENT": {"type": "free_shipping", "percentage": None},
            "TWENTIETH": {"type": "buy_x_get_y", "buy_quantity": 19, "get_quantity": 1, "percentage": None},
        }
        for code, given in coupons.items():
            self.named[code] = rows.add("coupons", code=code, **given)["id"]

    def placed(self, role: str, order: Row, line: Row, use: Row | None) -> UUID:
        """The order, written by the role as the shop does it: all in one transaction. It stays."""
        order_id = ids.new_id()
        order = dict(order)
        sent = order.pop("sent", {})
        own = {"order_id": order_id, "user_id": self.eve, "currency": "EUR"}
        head = {
            **ORDER,
            "id": order_id,
            "user_id": self.eve,
            "order_number": ids.order_number(order_id),
            "created_at": ids.instant_of(order_id),
            "placed_at": ids.instant_of(order_id),
            **order,
        }
        lines = [{**own, **LINE, "id": ids.new_id(), "product_id": "thing", **line}]
        if sent is not None:
            lines.append({**own, **SHIPPING, "id": ids.new_id(), "currency": head["currency"], **sent})
        with connect_as(role, self.url, self.eve) as connection, connection.transaction():
            self._insert(connection, "orders", [head])
            if use is not None:
                self._insert(connection, "coupon_usages", [self._use(order_id, use)], last=lines)
            else:
                self._insert(connection, "order_items", lines)
        return order_id

    def _use(self, order_id: UUID, use: Row) -> Row:
        row = {"id": ids.new_id(), "order_id": order_id, "user_id": self.eve, "coupon_id": "TENTH"}
        return {**row, **USE, **use}

    def _insert(self, connection: Any, table: str, rows: list[Row], last: list[Row] | None = None) -> None:
        """One statement; `last` are lines that come with it."""
        parts = [(table, rows)] + ([("order_items", last)] if last else [])
        statements, values = [], []
        for name, given in parts:
            columns = list({column: None for row in given for column in row})
            places = sql.SQL(", ").join(
                [sql.SQL("({})").format(sql.SQL(", ").join([sql.SQL("%s")] * len(columns)))] * len(given)
            )
            statements.append(
                sql.SQL("INSERT INTO {} ({}) VALUES {}").format(
                    sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns)), places
                )
            )
            values += [self._value(column, row.get(column)) for row in given for column in columns]
        query = statements[0]
        if last:
            query = sql.SQL("WITH lines AS ({}) {}").format(statements[1], statements[0])
            values = values[len(rows) * len(rows[0]) :] + values[: len(rows) * len(rows[0])]
        connection.execute(query, values)

    def _value(self, column: str, value: Any) -> Any:
        return self.named[value] if column.endswith("_id") and isinstance(value, str) else value


@pytest.fixture(scope="module")
def shop(cluster: Cluster, template: str) -> Iterator[Shop]:
    for url in temporary_database(cluster, template):
        roles.ensure(url)
        with Rows(url) as rows:
            made = Shop(url, rows)
        yield made


@pytest.mark.parametrize("role", [APP, STAFF, WORKER])
def test_an_order_as_a_cart_makes_it_is_placed(shop: Shop, role: str) -> None:
    placed = shop.placed(role, {}, {}, USE)
    with Rows(shop.url) as rows:
        assert rows.one("SELECT count(*) FROM order_items WHERE order_id = %s", placed) == 2


def test_shipping_is_free_from_where_it_says(shop: Shop) -> None:
    many = {"quantity": 4, "discounted_unit_price": 10, "discount_amount": 0, "net_amount": 37, "total_amount": 40}
    order = {"subtotal_amount": 40, "discount_amount": 0}
    free = {**order, "shipping_amount": 0, "total_amount": 40, "sent": FREE}
    assert shop.placed(APP, free, many, None)
    with pytest.raises(psycopg.errors.CheckViolation, match=OFFERED):
        shop.placed(APP, {**order, "total_amount": 45}, many, None)


@pytest.mark.parametrize("role", [APP, STAFF, WORKER])
@pytest.mark.parametrize(
    ("order", "line", "use", "refusal"), [pytest.param(*tried[1:], id=tried[0]) for tried in TRIED]
)
def test_an_order_as_no_cart_makes_it_is_refused(
    shop: Shop, role: str, order: Row, line: Row, use: Row | None, refusal: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        shop.placed(role, order, line, use)
    assert refusal in str(refused.value)


@pytest.mark.parametrize("role", [APP, STAFF, WORKER])
def test_nobody_orders_without_a_key_for_what_they_say(shop: Shop, role: str) -> None:
    keyed, shop.eve = shop.eve, shop.nobody
    try:
        with pytest.raises(psycopg.errors.CheckViolation, match="has no key; no new data is kept of them"):
            shop.placed(role, {}, {}, USE)
    finally:
        shop.eve = keyed
