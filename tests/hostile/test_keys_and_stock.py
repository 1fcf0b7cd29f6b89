"""What somebody with a connection tries on keys of people, uses of coupons and stock. The list is told as in
`test_raw_sql`, whose scene this extends: Eve and Ada have keys, Eve a pending order that holds two of five units and a
use of a coupon, Ada one of hers.
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from lex.ops import roles
from tests.conftest import temporary_database
from tests.hostile.test_raw_sql import APP, NOTHING, OWNER, READER, STAFF, WORKER, Attempt, Scene
from tests.support.cluster import Cluster
from tests.support.roles import connect_as
from tests.support.rows import Rows

_MOVE = "INSERT INTO stock_movements (id, product_id, kind, on_hand_change) VALUES (public.uuid_v7(), {held}, "
_HOLD = "INSERT INTO stock_holds (id, product_id, order_id, quantity, expires_at) VALUES (public.uuid_v7(), "
_DENIED = "permission denied"

ATTEMPTS = [
    # Keys of people
    Attempt("delete one's key", (APP, STAFF, READER), "DELETE FROM person_keys WHERE user_id = {eve}", _DENIED),
    Attempt("empty the keys", (APP, STAFF, WORKER, READER), "TRUNCATE person_keys", _DENIED),
    Attempt("empty the keys", (OWNER,), "TRUNCATE person_keys", "destroyed by erasing its person"),
    Attempt("wrap a key oneself", (APP, STAFF), "UPDATE person_keys SET wrapped_key = '\\x00'", _DENIED),
    Attempt(
        "put another key in its place",
        (WORKER, OWNER),
        "UPDATE person_keys SET wrapped_key = decode(repeat('00', 60), 'hex') WHERE user_id = {eve}",
        "wrapped anew under another key of the ring, or stays",
    ),
    Attempt(
        "say another key of the ring wraps it",
        (WORKER, OWNER),
        "UPDATE person_keys SET key_id = 'k9' WHERE user_id = {eve}",
        "wrapped anew under another key of the ring, or stays",
    ),
    Attempt(
        "cut a key short",
        (WORKER, OWNER),
        "UPDATE person_keys SET wrapped_key = '\\x00', key_id = 'k9' WHERE user_id = {eve}",
        "ck_person_keys_wrapped_key",
    ),
    Attempt(
        "give an erased person a key",
        (APP, STAFF, WORKER, OWNER),
        "INSERT INTO person_keys (user_id, wrapped_key, key_id, blind_key_id)"
        " VALUES ({erased}, decode(repeat('00', 60), 'hex'), 'k1', 'k1')",
        "pk_person_keys|row-level security",
    ),
    Attempt(
        "order in the name of an erased person",
        (STAFF, WORKER, OWNER),
        "INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', public.uuid_v7(), 'user_id',"
        " {erased}::uuid, 'order_number', 'LEX-20260101-EVEEVE33'))).* FROM orders o WHERE o.id = {order}",
        "was erased; no new data is kept of them",
    ),
    # Coupons
    Attempt(
        "give a coupon back and keep its discount",
        (APP, STAFF, WORKER),
        "UPDATE coupon_usages SET status = 'released' WHERE order_id = {other}",
        "is not released while its order is pending",
    ),
    Attempt(
        "redeem a coupon unpaid",
        (APP, STAFF, WORKER),
        "UPDATE coupon_usages SET status = 'redeemed' WHERE order_id = {other}",
        "is not redeemed while its order is pending",
    ),
    Attempt(
        "give Ada's coupon back", (APP,), "UPDATE coupon_usages SET status = 'released' WHERE user_id = {ada}", NOTHING
    ),
    Attempt(
        "write a use that is over already",
        (APP, STAFF, WORKER),
        "INSERT INTO coupon_usages (id, coupon_id, user_id, order_id, amount, status)"
        " VALUES (public.uuid_v7(), {coupon}, {eve}, {order}, 5, 'released')",
        "is not released while its order is pending",
    ),
    Attempt("count a coupon down", (APP,), "UPDATE coupons SET used_count = used_count - 1", _DENIED),
    Attempt("touch a coupon", (APP,), "UPDATE coupons SET updated_at = now()", "customers lock this row, no more"),
    # Stock
    Attempt("touch a product", (APP,), "UPDATE products SET updated_at = now()", "customers lock this row, no more"),
    Attempt("reserve a product", (APP,), "UPDATE products SET reserved_quantity = 5 WHERE id = {held}", _DENIED),
    Attempt("sell a product", (APP,), "UPDATE products SET stock_quantity = 2 WHERE id = {held}", _DENIED),
    Attempt("tell of a delivery", (APP,), _MOVE + "'receive', 5)", _DENIED),
    Attempt("tell of a delivery nobody counted", (STAFF, WORKER), _MOVE + "'receive', 5)", "but its movements tell"),
    Attempt(
        "count without telling",
        (STAFF, WORKER),
        "UPDATE products SET stock_quantity = 99 WHERE id = {held}",
        "99 on hand and 2 reserved, but its movements tell 5 and 2",
    ),
    Attempt(
        "count what is deleted without telling",
        (STAFF, WORKER),
        "UPDATE products SET stock_quantity = 99 WHERE id = {gone}",
        "99 on hand and 0 reserved, but its movements tell 5 and 0",
    ),
    Attempt(
        "forget a movement of what is deleted",
        (WORKER,),
        "DELETE FROM stock_movements WHERE product_id = {gone}",
        "but its movements tell",
    ),
    Attempt(
        "reserve without a hold",
        (STAFF, WORKER),
        "UPDATE products SET reserved_quantity = 3 WHERE id = {held}",
        "but its movements tell",
    ),
    Attempt("forget a movement", (APP, STAFF), "DELETE FROM stock_movements", _DENIED),
    Attempt(
        "forget a movement",
        (WORKER,),
        "DELETE FROM stock_movements WHERE product_id = {held} AND kind = 'receive'",
        "but its movements tell",
    ),
    Attempt(
        "let a pending order's units go",
        (APP,),
        "DELETE FROM stock_holds WHERE order_id = {order}",
        "until it is paid, canceled or expired",
    ),
    Attempt(
        "let Ada's units go",
        (APP,),
        "DELETE FROM stock_holds WHERE order_id = {ada_order}",
        "until it is paid, canceled or expired",
    ),
    Attempt(
        "let Ada's time run out",
        (APP,),
        "UPDATE stock_holds SET expires_at = '2000-01-01' WHERE order_id = {ada_order}",
        "an order of somebody else",
    ),
    Attempt("hold more", (APP, STAFF), "UPDATE stock_holds SET quantity = 5 WHERE order_id = {order}", _DENIED),
    *(
        Attempt(what, (APP, STAFF, WORKER), _HOLD + row, "lines of an own pending order")
        for what, row in (
            ("hold for no order", "{held}, public.uuid_v7(), 1, now())"),
            ("hold what no line names", "{product}, {order}, 1, now())"),
            ("hold more than the lines", "{held}, {other}, 3, now())"),
        )
    ),
    Attempt("hold for Ada", (APP,), _HOLD + "{held}, {ada_other}, 2, now())", "lines of an own pending order"),
    Attempt("take stock unpaid", (APP, STAFF, WORKER), "SELECT sell_unheld_stock({order})", "only a paid order"),
    Attempt("take Ada's stock", (APP,), "SELECT sell_unheld_stock({ada_order})", "only a paid order"),
    Attempt("give back what stays", (APP, STAFF, WORKER), "SELECT take_back_stock({order})", "only a canceled order"),
    Attempt("sell from a report", (READER,), "SELECT sell_unheld_stock({order})", _DENIED),
]


class StockScene(Scene):
    """Eve and Ada with keys, holds and uses of a coupon."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        with Rows(url) as rows:
            rows.last["users"] = {"id": self.ids["eve"]}
            product = rows.add("products", sku="HELD", slug="held", stock_quantity=5, reserved_quantity=2)
            rows.add("stock_movements", kind="receive", on_hand_change=5)
            rows.add("stock_movements", kind="hold", on_hand_change=0, reserved_change=2)
            rows.last["orders"] = {"id": self.ids["order"], "user_id": self.ids["eve"], "currency": "EUR"}
            rows.add("order_items", position=7, quantity=2)
            rows.add("stock_holds", order_id=self.ids["order"], quantity=2)
            rows.add("stock_holds", order_id=self.ids["ada_order"], quantity=2)
            rows.run("UPDATE stock_holds SET expires_at = now() + interval '1 hour'")
            other = rows.one("SELECT order_id FROM coupon_usages WHERE user_id = %s", self.ids["eve"])
            rows.last["orders"] = {**rows.last["orders"], "id": other}
            rows.add("order_items", quantity=2)
            gone = rows.add("products", sku="GONE", slug="gone", stock_quantity=5, deleted_at=product["created_at"])
            rows.add("stock_movements", kind="receive", on_hand_change=5)
            rows.last["products"] = product
            erased = rows.add("users", role="guest")
            rows.add("person_keys", wrapped_key=None, destroyed_at=erased["created_at"])
            rows.last["users"] = {"id": self.ids["ada"]}
            ada_other = rows.add("orders")
            rows.add("order_items", quantity=2)
            for person in ("eve", "ada"):
                if not rows.one("SELECT count(*) FROM person_keys WHERE user_id = %s", self.ids[person]):
                    rows.add("person_keys", user_id=self.ids[person])
        self.ids |= {"held": product["id"], "other": other, "erased": erased["id"], "ada_other": ada_other["id"]}
        self.ids["gone"] = gone["id"]


@pytest.fixture(scope="module")
def scene(cluster: Cluster, template: str) -> Iterator[StockScene]:
    for url in temporary_database(cluster, template):
        roles.ensure(url)
        made = StockScene(url)
        yield made
        for connection in made.open.values():
            connection.close()


@pytest.mark.parametrize(
    ("attempt", "role"),
    [pytest.param(attempt, role, id=f"{attempt.what}, {role}") for attempt in ATTEMPTS for role in attempt.roles],
)
def test_what_is_tried_is_refused(scene: StockScene, attempt: Attempt, role: str) -> None:
    literals = {name: f"'{value}'" for name, value in scene.ids.items()}
    said = scene.answer(role, attempt.what, attempt.statement.format(**literals))
    assert any(part in said for part in attempt.refusal.split("|")), said


def test_a_key_goes_with_its_person_alone(scene: StockScene) -> None:
    """Asked at the end of the transaction, so that purging may take both away; a key put in again is no way round."""
    for again in ("", "; INSERT INTO person_keys SELECT id, decode(repeat('00', 60), 'hex'), 'k1', 'k1' FROM users"):
        with connect_as(WORKER, scene.url) as worker, pytest.raises(psycopg.errors.RestrictViolation, match="erasing"):
            worker.execute(f"DELETE FROM person_keys{again}".encode())


def test_holds_go_as_the_flows_let_them_go(scene: StockScene) -> None:
    """The same statements that are refused above pass once the order is paid, canceled, or its time is over."""
    last = "SELECT kind || on_hand_change || reserved_change FROM stock_movements ORDER BY id DESC LIMIT 1"
    left = "SELECT stock_quantity || ' ' || reserved_quantity FROM products WHERE id = %s"

    def unpaid(sku: str) -> tuple[UUID, UUID]:
        """An order that no payment tells of, and the product it holds two of."""
        with Rows(scene.url) as rows:
            rows.last["users"] = {"id": scene.ids["eve"]}
            order = rows.add("orders")
            product = rows.add("products", sku=sku, slug=sku.lower(), stock_quantity=5, reserved_quantity=2)
            rows.add("order_items", quantity=2)
            until = order["created_at"] + timedelta(hours=1)
            rows.add("stock_holds", order_id=order["id"], quantity=2, expires_at=until)
        return order["id"], product["id"]

    def told(change: str, order: UUID, product: UUID) -> tuple[str, str]:
        with connect_as(APP, scene.url, scene.ids["eve"]) as eve, eve.transaction():
            eve.execute(change.encode(), (order,))
            eve.execute("DELETE FROM stock_holds WHERE order_id = %s", (order,))
        with Rows(scene.url) as rows:
            return rows.one(last), rows.one(left, product)

    canceled = "UPDATE orders SET status = 'canceled' WHERE id = %s"
    expired = "UPDATE stock_holds SET expires_at = now() - interval '1 minute' WHERE order_id = %s"
    paid = "UPDATE orders SET status = 'confirmed', payment_status = 'paid' WHERE id = %s"
    assert told(canceled, *unpaid("GONE")) == ("release0-2", "5 0")
    assert told(expired, *unpaid("LATE")) == ("release0-2", "5 0")
    assert told(paid, scene.ids["order"], scene.ids["held"]) == ("sale-2-2", "3 0")
