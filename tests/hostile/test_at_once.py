"""What two connections try at once, and what one tries that sees the past: rules that look at other rows lock first."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lex.core import ids
from lex.ops import roles
from tests.conftest import temporary_database
from tests.hostile.attempts import APP, STAFF, WORKER
from tests.support.cluster import Cluster
from tests.support.roles import connect_as
from tests.support.rows import Row, Rows

REFUND = "INSERT INTO refunds (id, payment_id, order_id, user_id, amount, currency) VALUES (%s, %s, %s, %s, 12, 'EUR')"
TENDER = (
    "INSERT INTO payments (id, order_id, user_id, provider, currency, amount, tender)"
    " VALUES (%s, %s, %s, 'sandbox', 'EUR', 12, %s)"
)
DESTROY = "UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now() WHERE user_id = %s"
HOUR = timedelta(hours=1)
PAID = {"status": "confirmed", "payment_status": "paid"}
Connection = psycopg.Connection[Any]


def _named() -> dict[str, str]:
    name = ids.new_id().hex
    return {"sku": name.upper(), "slug": name}


class Shop:
    """A database with Eve in it, who orders."""

    def __init__(self, url: str, rows: Rows) -> None:
        self.url = url
        self.rows = rows
        self.eve: UUID = rows.add("users", role="user")["id"]

    def order(self, **given: Any) -> Row:
        """A new order of hers."""
        return self.rows.add("orders", **{"user_id": self.eve, **given})

    def goods(self, order: Row, *, held: bool = True) -> UUID:
        """A product of which ten were received, and a line of two for the order; they are reserved if `held`."""
        reserved = 2 if held else 0
        product = self.rows.add("products", **_named(), stock_quantity=10, reserved_quantity=reserved)
        self.rows.add("stock_movements", kind="receive", on_hand_change=10)
        if held:
            self.rows.add("stock_movements", kind="hold", on_hand_change=0, reserved_change=2)
            self.rows.add("stock_holds", order_id=order["id"], quantity=2, expires_at=order["created_at"] + HOUR)
        line = {"order_id": order["id"], "user_id": order["user_id"], "quantity": 2, "is_stock_tracked": True}
        self.rows.add("order_items", **line, product_id=product["id"])
        return UUID(str(product["id"]))

    def stock(self, product: UUID) -> tuple[int, int]:
        """On hand, and in the movements."""
        return (
            self.rows.one("SELECT stock_quantity FROM products WHERE id = %s", product),
            self.rows.one("SELECT sum(on_hand_change) FROM stock_movements WHERE product_id = %s", product),
        )

    def connected(self, role: str) -> Connection:
        """Eve at this role."""
        return connect_as(role, self.url, self.eve)

    def behind(self, first: Connection, second: Connection, then: Callable[[], Any]) -> str | None:
        """What the second is refused by, begun in the first's transaction, which ends once the second waits or is
        done."""
        said: list[str | None] = []

        def work() -> None:
            try:
                then()
                said.append(None)
            except psycopg.Error as error:
                said.append(error.diag.constraint_name or error.sqlstate)

        waiter = threading.Thread(target=work)
        waiter.start()
        waits = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
        while waiter.is_alive() and not self.rows.one(waits, second.info.backend_pid):
            waiter.join(0.02)
        first.execute("COMMIT")
        waiter.join(20)
        return said[0]


@pytest.fixture(scope="module")
def shop(cluster: Cluster, template: str) -> Iterator[Shop]:
    for url in temporary_database(cluster, template):
        roles.ensure(url)
        with Rows(url) as rows:
            yield Shop(url, rows)


def begun(connection: Connection, isolation: str) -> None:
    """A transaction that has looked at the database already."""
    connection.execute(f"BEGIN ISOLATION LEVEL {isolation}".encode())
    connection.execute("SELECT 1 FROM shop_facts")


@pytest.mark.parametrize("role", [STAFF, WORKER])
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_what_was_refunded_in_the_meantime_counts(shop: Shop, role: str, isolation: str) -> None:
    order = shop.order()
    payment = shop.rows.add("payments")
    row = (payment["id"], order["id"], shop.eve)
    with shop.connected(role) as first, shop.connected(role) as second:
        begun(second, isolation)
        first.execute("BEGIN")
        first.execute(REFUND, (ids.new_id(), *row))
        said = shop.behind(first, second, lambda: second.execute(REFUND, (ids.new_id(), *row)))
        second.execute("ROLLBACK")
    assert said == ("ck_refunds_sum" if isolation == "READ COMMITTED" else "ck_refunds_isolation")
    assert shop.rows.one("SELECT sum(amount) FROM refunds WHERE payment_id = %s", payment["id"]) == 12


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_capture_is_not_lowered_below_what_is_refunded_at_that_moment(shop: Shop, isolation: str) -> None:
    order = shop.order()
    payment = shop.rows.add("payments")
    with shop.connected(STAFF) as first, shop.connected(WORKER) as second:
        begun(second, isolation)
        first.execute("BEGIN")
        first.execute(REFUND, (ids.new_id(), payment["id"], order["id"], shop.eve))
        lower = "UPDATE payments SET captured_amount = 0 WHERE id = %s"
        said = shop.behind(first, second, lambda: second.execute(lower, (payment["id"],)))
        second.execute("ROLLBACK")
    assert said == ("ck_payments_refunds" if isolation == "READ COMMITTED" else "ck_payments_isolation")


def test_a_key_is_not_destroyed_under_an_order_that_is_placed_at_that_moment(shop: Shop) -> None:
    person = shop.rows.add("users", role="user")["id"]
    shop.rows.add("person_keys", user_id=person)
    with shop.connected(WORKER) as worker:
        begun(worker, "REPEATABLE READ")
        shop.rows.add("orders", user_id=person)
        with pytest.raises(psycopg.errors.ActiveSqlTransaction) as refused:
            worker.execute(
                "UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now() WHERE user_id = %s", (person,)
            )
        worker.execute("ROLLBACK")
    assert refused.value.diag.constraint_name == "ck_person_keys_isolation"


@pytest.mark.parametrize("role", [APP, WORKER])
def test_an_e_mail_is_not_claimed_in_the_past(shop: Shop, role: str) -> None:
    with shop.connected(role) as connection, pytest.raises(psycopg.errors.ActiveSqlTransaction):
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT claim_email(ARRAY['x'::bytea])")


def test_a_category_is_not_moved_in_the_past(shop: Shop) -> None:
    move = "INSERT INTO categories (id, name, slug) VALUES (public.uuid_v7(), 'Past', 'past')"
    with shop.connected(STAFF) as staff, pytest.raises(psycopg.errors.ActiveSqlTransaction) as refused:
        staff.execute(f"BEGIN ISOLATION LEVEL SERIALIZABLE; {move}".encode())
    assert refused.value.diag.constraint_name == "ck_categories_isolation"


@pytest.mark.parametrize("tenders", [(1, 2), (2, 1), (1, 1), (2, 3)])
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_an_order_is_not_paid_twice_at_once(shop: Shop, tenders: tuple[int, int], isolation: str) -> None:
    order = shop.order()
    with shop.connected(WORKER) as first, shop.connected(WORKER) as second:
        begun(second, isolation)
        first.execute("BEGIN")
        said = []
        try:
            first.execute(TENDER, (ids.new_id(), order["id"], shop.eve, tenders[0]))
        except psycopg.Error as error:
            said.append(error.diag.constraint_name)
        again = (ids.new_id(), order["id"], shop.eve, tenders[1])
        said.append(shop.behind(first, second, lambda: second.execute(TENDER, again)))
        second.execute("COMMIT")
    assert {"ck_payments_tender", "uq_payments_order_id"} & set(said), said
    assert shop.rows.one("SELECT coalesce(sum(amount), 0) FROM payments WHERE order_id = %s", order["id"]) in (0, 12)


def test_a_payment_under_way_keeps_its_amount_and_its_number(shop: Shop) -> None:
    order = shop.order()
    with shop.connected(WORKER) as worker:
        worker.execute(TENDER, (ids.new_id(), order["id"], shop.eve, 1))
        for change, rule in (("amount = 0.01", "ck_payments_due"), ("tender = 2", "ck_payments_tender")):
            with pytest.raises(psycopg.errors.CheckViolation) as refused:
                worker.execute(f"UPDATE payments SET {change} WHERE order_id = %s".encode(), (order["id"],))
            assert refused.value.diag.constraint_name == rule


def test_a_first_capture_is_what_the_ledger_tells(shop: Shop) -> None:
    order = shop.order()
    payment = ids.new_id()
    capture = "UPDATE payments SET status = 'captured', captured_amount = 999 WHERE id = %s"
    with shop.connected(WORKER) as worker:
        worker.execute(TENDER, (payment, order["id"], shop.eve, 1))
        with pytest.raises(psycopg.errors.CheckViolation, match=r"999\.00 captured is not the 0 of its ledger"):
            worker.execute(capture, (payment,))
        worker.execute(
            "WITH told AS (INSERT INTO payment_events (id, payment_id, order_id, user_id, provider_reference, kind,"
            " amount, currency, occurred_at) VALUES (%s, %s, %s, %s, 'x', 'captured', 12, 'EUR', now()))"
            " UPDATE payments SET status = 'captured', captured_amount = 12 WHERE id = %s",
            (ids.new_id(), payment, order["id"], shop.eve, payment),
        )
    assert shop.rows.one("SELECT captured_amount FROM payments WHERE id = %s", payment) == 12


@pytest.mark.parametrize("role", [APP, STAFF, WORKER])
def test_what_is_held_is_sold_once(shop: Shop, role: str) -> None:
    order = shop.order(**PAID)
    product = shop.goods(order)
    with shop.connected(role) as connection:
        connection.execute("SELECT sell_unheld_stock(%s)", (order["id"],))
        connection.execute("DELETE FROM stock_holds WHERE order_id = %s", (order["id"],))
        connection.execute("SELECT sell_unheld_stock(%s)", (order["id"],))
    assert shop.stock(product) == (8, 8)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize(
    ("given", "move", "left"),
    [
        (PAID, "SELECT sell_unheld_stock(%s)", 8),
        ({"status": "canceled", "payment_status": "paid"}, "SELECT take_back_stock(%s)", 12),
    ],
)
def test_stock_moves_once_when_it_is_moved_twice_at_once(
    shop: Shop, given: dict[str, str], move: str, left: int, isolation: str
) -> None:
    order = shop.order(**given)
    product = shop.goods(order, held=False)
    if left > 10:  # it was sold, of twelve
        shop.rows.run("UPDATE products SET stock_quantity = 12 WHERE id = %s", product)
        shop.rows.add("stock_movements", product_id=product, kind="receive", on_hand_change=2)
        shop.rows.add("stock_movements", product_id=product, order_id=order["id"], kind="sale", on_hand_change=-2)
        shop.rows.run("UPDATE products SET stock_quantity = 10 WHERE id = %s", product)
    with shop.connected(APP) as first, shop.connected(APP) as second:
        begun(second, isolation)
        first.execute("BEGIN")
        first.execute(move.encode(), (order["id"],))
        said = shop.behind(first, second, lambda: second.execute(move.encode(), (order["id"],)))
        second.execute("COMMIT")
    assert said == (None if isolation == "READ COMMITTED" else "ck_products_isolation")
    assert shop.stock(product) == (left, left)


HOLD = "INSERT INTO stock_holds (id, product_id, order_id, quantity, expires_at) VALUES (%s, %s, %s, 2, now() + {})"


def test_nothing_is_held_for_an_order_that_is_canceled_or_paid_at_that_moment(shop: Shop) -> None:
    for change in ("status = 'canceled'", "payment_status = 'paid'", "status = 'confirmed', payment_status = 'paid'"):
        order = shop.order(total_amount=0, subtotal_amount=0, tax_amount=0)
        hold = (ids.new_id(), shop.goods(order, held=False), order["id"])
        with shop.connected(APP) as first, shop.connected(APP) as second:
            first.execute("BEGIN")
            first.execute(f"UPDATE orders SET {change} WHERE id = %s".encode(), (order["id"],))
            statement = HOLD.format("interval '1 hour'").encode()
            said = shop.behind(first, second, lambda s=statement, h=hold: second.execute(s, h))  # type: ignore[misc]
        assert said == "ck_stock_holds_order"


def test_no_coupon_is_used_for_an_order_that_is_canceled_at_that_moment(shop: Shop) -> None:
    coupon = shop.rows.add("coupons", code=ids.new_id().hex.upper())
    order = shop.order()
    use = (
        "INSERT INTO coupon_usages (id, coupon_id, user_id, order_id, amount, status)"
        " VALUES (%s, %s, %s, %s, 0, 'held')"
    )
    with shop.connected(APP) as first, shop.connected(APP) as second:
        first.execute("BEGIN")
        first.execute("UPDATE orders SET status = 'canceled' WHERE id = %s", (order["id"],))
        row = (ids.new_id(), coupon["id"], shop.eve, order["id"])
        said = shop.behind(first, second, lambda: second.execute(use, row))
    assert said == "ck_coupon_usages_order"


def test_units_are_not_held_for_ever(shop: Shop) -> None:
    order = shop.order()
    product = shop.goods(order)
    free = shop.order()
    other = shop.goods(free, held=False)
    longer = "UPDATE stock_holds SET expires_at = {} WHERE order_id = %s"
    with shop.connected(APP) as eve:
        for until in ("'infinity'", "now() + interval '1 year'"):
            with pytest.raises(psycopg.errors.CheckViolation) as refused:
                eve.execute(longer.format(until).encode(), (order["id"],))
            assert refused.value.diag.constraint_name == "ck_stock_holds_expires_at"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="until it is paid, canceled or expired"):
            eve.execute(HOLD.format("interval '1 year'").encode(), (ids.new_id(), other, free["id"]))
        eve.execute(longer.format("now() + interval '30 days'").encode(), (order["id"],))
    assert shop.stock(product) == (10, 10)
