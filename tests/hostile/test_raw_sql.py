"""What somebody tries who got hold of a connection, and what PostgreSQL answers.

Nothing of Lex stands between: each attempt is one line of SQL over a plain connection, as one of the roles Lex works
under. Eve is a customer like Ada. To see the whole list with its answers:

    .venv/bin/pytest tests/hostile

The customer's connection is named `lex_app`, the back office's `lex_staff`, that of jobs `lex_worker`, the reader's
`lex_ro`; `lex_owner` owns the tables and logs in nowhere: whoever administers the database can become it.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from lex.ops import roles
from lex.ops.models import metadata
from tests.conftest import temporary_database
from tests.hostile.attempts import APP, EVERYBODY, OWNER, READER, STAFF, WORKER, Attempt
from tests.hostile.attempts_on_bookings import BOOKINGS
from tests.hostile.attempts_on_money import MONEY
from tests.support.cluster import Cluster
from tests.support.roles import connect_as
from tests.support.rows import DERIVED, Row, Rows, one_of_every_table

#: Whose every row says so. Here the columns that tell it are all a thief needs.
OF_PEOPLE = sorted(table.name for table in metadata.sorted_tables if "user_id" in table.columns)
#: The answer when a policy hides what there is: the statement runs and finds nothing.
NOTHING = "0 rows"


ATTEMPTS = [
    # Orders
    Attempt("delete an order", (APP, STAFF, WORKER), "DELETE FROM orders WHERE id = {order}", "permission denied"),
    Attempt("delete an order", (OWNER,), "DELETE FROM orders", "an order is canceled, never deleted"),
    Attempt("truncate the orders", EVERYBODY, "TRUNCATE orders CASCADE", "permission denied"),
    Attempt("truncate the orders", (OWNER,), "TRUNCATE orders CASCADE", "never deleted"),
    Attempt("lower a total", (APP,), "UPDATE orders SET total_amount = 1 WHERE id = {order}", "permission denied"),
    Attempt(
        "lower a total",
        (STAFF, WORKER, OWNER),
        "UPDATE orders SET total_amount = 2, subtotal_amount = 2 WHERE id = {order}",
        "total_amount cannot change once the order is placed",
    ),
    Attempt("give an order away", (APP,), "UPDATE orders SET user_id = {ada} WHERE id = {order}", "permission denied"),
    Attempt(
        "give an order away",
        (STAFF, WORKER, OWNER),
        "UPDATE orders SET user_id = {ada} WHERE id = {order}",
        "user_id cannot change once the order is placed",
    ),
    Attempt(
        "complete an order that nobody paid",
        (APP, STAFF, WORKER, OWNER),
        "UPDATE orders SET status = 'completed' WHERE id = {order}",
        "is pending and cannot become completed",
    ),
    Attempt(
        "allow that way",
        EVERYBODY,
        "INSERT INTO status_transitions VALUES ('order', 'pending', 'completed')",
        "permission denied",
    ),
    Attempt(
        "allow that way",
        (OWNER,),
        "INSERT INTO status_transitions VALUES ('order', 'pending', 'completed')",
        "a new way of a status is a migration",
    ),
    Attempt(
        "open another's order with a cart of nobody",
        (APP, STAFF, WORKER),
        "INSERT INTO carts (id, token_hash, status, currency, order_id, expires_at)"
        " SELECT {order}, '\\x01', 'placed', 'EUR', {ada_order}, now() + interval '1 day'"
        " FROM set_config('lex.carts', '{{' || {order} || '}}', true)",
        "ck_carts_order_id",
    ),
    Attempt("take a line out", (APP, STAFF, WORKER), "DELETE FROM order_items WHERE id = {line}", "permission denied"),
    Attempt("take a line out", (OWNER,), "DELETE FROM order_items WHERE id = {line}", "a line stays as it was sold"),
    Attempt(
        "make a line cheaper",
        (APP, STAFF, WORKER),
        "UPDATE order_items SET unit_price = 0.01 WHERE id = {line}",
        "permission denied",
    ),
    Attempt(
        "make a line cheaper",
        (OWNER,),
        "UPDATE order_items SET unit_price = 0.01 WHERE id = {line}",
        "a line stays as it was sold",
    ),
    Attempt(
        "hang a line on somebody else's order",
        (OWNER,),
        "INSERT INTO order_events (id, order_id, user_id, kind, actor_role)"
        " VALUES (public.uuid_v7(), {ada_order}, {eve}, 'paid', 'user')",
        "fk_order_events_orders",
    ),
    Attempt(
        "give an order away in the words of the adoption",
        (STAFF, WORKER),
        "UPDATE /*\nPL/pgSQL function adopt_guest_orders(uuid) line 1 */ orders SET user_id = {ada} WHERE id = {order}",
        "cannot change once the order is placed",
    ),
    Attempt(
        "stop the sealing of the audit",
        (APP,),
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, scheduled_at)"
        " VALUES ('default', 'seal_audit', 'seal_audit', '2100-01-01')",
        "holds no other job up",
    ),
    Attempt(
        "invent a seal",
        (APP, STAFF, WORKER),
        "INSERT INTO audit_seals VALUES (999, 1, 2, 0, '', '', 'k1', '', now())",
        "permission denied",
    ),
    Attempt("adopt orders for somebody", (APP, STAFF, READER), "SELECT adopt_guest_orders({eve})", "permission denied"),
    *MONEY,
    # Reviews
    Attempt(
        "write a review that is approved",
        (APP, STAFF, WORKER, OWNER),
        "INSERT INTO reviews (id, user_id, service_id, rating, status, moderated_at)"
        " VALUES (public.uuid_v7(), {eve}, {service}, 5, 'approved', now())",
        "a review starts pending",
    ),
    Attempt(
        "approve an own review",
        (APP, WORKER, OWNER),
        "UPDATE reviews SET status = 'approved', moderated_at = now() WHERE id = {review}",
        "a review becomes approved by staff only",
    ),
    Attempt(
        "approve it while saying to be an administrator",
        (APP, WORKER, OWNER),
        "WITH me AS (SELECT set_config('lex.role', 'super_admin', true)) UPDATE reviews SET status = 'approved',"
        " moderated_at = now() FROM me WHERE id = {review}",
        "a review becomes approved by staff only",
    ),
    Attempt(
        "approve an own review",
        (STAFF,),
        "UPDATE reviews SET status = 'approved', moderated_at = now(), moderated_by = {eve} WHERE id = {review}",
        "is its moderator, and one of the staff",
    ),
    # Stock, time, coupons
    Attempt(
        "reserve more than there is",
        (APP, STAFF, WORKER, OWNER),
        "UPDATE products SET reserved_quantity = stock_quantity + 1 WHERE id = {product}",
        "ck_products_reserved_quantity|permission denied",
    ),
    Attempt(
        "sell more than there is",
        (APP, STAFF, WORKER, OWNER),
        "UPDATE products SET stock_quantity = stock_quantity - 6 WHERE id = {product}",
        "ck_products|permission denied",
    ),
    Attempt(
        "make stock out of nothing",
        (APP,),
        "UPDATE products SET stock_quantity = 1000 WHERE id = {product}",
        "permission denied",
    ),
    Attempt(
        "receive it oneself",
        (APP,),
        "WITH got AS (INSERT INTO stock_movements (id, product_id, kind, on_hand_change)"
        " VALUES (public.uuid_v7(), {product}, 'receive', 995))"
        " UPDATE products SET stock_quantity = 1000 WHERE id = {product}",
        "permission denied",
    ),
    *BOOKINGS,
    *(
        Attempt(f"empty {table}", (OWNER,), f"TRUNCATE {table} CASCADE", "TRUNCATE on")
        for table in ("addresses", "api_keys", "reviews", "order_events", "bookings", "stock_movements", "products")
    ),
    Attempt(
        "use a coupon past its limit",
        (APP, STAFF, WORKER, OWNER),
        "INSERT INTO coupon_usages (id, coupon_id, user_id, order_id, amount, status)"
        " VALUES (public.uuid_v7(), {coupon}, {eve}, {order}, 5, 'held')",
        "is used up",
    ),
    Attempt(
        "count its uses anew",
        (APP, STAFF, WORKER, OWNER),
        "UPDATE coupons SET used_count = 0 WHERE id = {coupon}",
        "follows coupon_usages and cannot be set|permission denied",
    ),
    Attempt("raise its limit", (APP,), "UPDATE coupons SET usage_limit = 99 WHERE id = {coupon}", "permission denied"),
    Attempt("forget its uses", (OWNER,), "DELETE FROM coupon_usages", "a use is released, never deleted"),
    Attempt("change a price", (APP,), "UPDATE products SET price = 0 WHERE id = {product}", "permission denied"),
    # Who one is
    Attempt("read who Ada is", (APP,), "SELECT * FROM users WHERE id = {ada}", NOTHING),
    Attempt("read who everybody is", (APP,), "SELECT * FROM users WHERE id <> {eve}", NOTHING),
    Attempt("change Ada's address", (APP,), "UPDATE users SET email = NULL WHERE id = {ada}", "permission denied"),
    Attempt("make oneself an administrator", (APP,), "UPDATE users SET role = 'admin'", "permission denied"),
    Attempt(
        "make a new administrator",
        (APP,),
        "INSERT INTO users (id, role) VALUES (public.uuid_v7(), 'super_admin')",
        "a customer's connection cannot make somebody super_admin",
    ),
    Attempt(
        "make a key for Ada",
        (APP,),
        "INSERT INTO api_keys (id, user_id, name, prefix, token_hash)"
        " VALUES (public.uuid_v7(), {ada}, 'mine', 'lex_', 'x')",
        "permission denied",
    ),
    Attempt("read the keys' hashes", (APP, READER), "SELECT token_hash FROM api_keys", "permission denied"),
    Attempt("read passwords", (READER,), "SELECT password FROM users", "permission denied"),
    Attempt("read the keys of people", (READER,), "SELECT wrapped_key FROM person_keys", "permission denied"),
    Attempt("become staff", (APP, WORKER, READER), "SET ROLE lex_staff", "permission denied to set role"),
    Attempt("become the owner", EVERYBODY, "SET ROLE lex_owner", "permission denied to set role"),
    Attempt("become Lex", (APP, STAFF, READER), "SET ROLE lex_worker", "permission denied to set role"),
    Attempt("log in as another", EVERYBODY, "SET SESSION AUTHORIZATION lex_owner", "permission denied"),
    Attempt("promote the role", EVERYBODY, "ALTER ROLE lex_app BYPASSRLS", "permission denied|must be superuser"),
    # The law itself
    Attempt("disable a trigger", EVERYBODY, "ALTER TABLE orders DISABLE TRIGGER tr_orders_guard", "must be owner"),
    Attempt("drop a trigger", EVERYBODY, "DROP TRIGGER tr_payments_guard ON payments", "must be owner"),
    Attempt(
        "pretend to be replication",
        (*EVERYBODY, OWNER),
        "SET session_replication_role = replica",
        "permission denied to set parameter",
    ),
    Attempt("drop a policy", EVERYBODY, "DROP POLICY p_orders_own ON orders", "must be owner"),
    Attempt("switch policies off", EVERYBODY, "ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "must be owner"),
    Attempt("change a guard", EVERYBODY, "DROP FUNCTION guard_order() CASCADE", "must be owner"),
    Attempt("make a table", EVERYBODY, "CREATE TABLE public.mine (id int)", "permission denied for schema public"),
    Attempt(
        "make a function",
        EVERYBODY,
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "permission denied for schema public",
    ),
    Attempt("make a schema", EVERYBODY, "CREATE SCHEMA mine", "permission denied for database"),
    Attempt(
        "make a temporary table", EVERYBODY, "CREATE TEMP TABLE orders (id int)", "permission denied to create temp"
    ),
    Attempt("read a partition around its policies", EVERYBODY, "SELECT * FROM {partition}", "permission denied"),
    Attempt("read a file", EVERYBODY, "SELECT pg_read_file('/etc/passwd')", "permission denied"),
    Attempt("run a program", EVERYBODY, "COPY (SELECT 1) TO PROGRAM 'id'", "permission denied|must be superuser"),
    # Times that no list could show
    Attempt("pay at the end of time", (APP, STAFF, WORKER), "UPDATE orders SET paid_at = 'infinity'", "ck_instant"),
    Attempt(
        "cancel before Christ", (APP, STAFF, WORKER), "UPDATE orders SET canceled_at = '0044-03-15 BC'", "ck_instant"
    ),
    Attempt("offer it for ever", (STAFF, WORKER), "UPDATE coupons SET ends_at = 'infinity'", "ck_instant"),
    Attempt("book without an end", (STAFF, WORKER), "UPDATE bookings SET ends_at = 'infinity'", "ck_instant"),
    # What is used up
    Attempt(
        "fetch a file once more",
        (APP, STAFF, WORKER, OWNER),
        "UPDATE downloads SET download_count = 0 WHERE user_id = {eve}",
        "a file that was fetched stays counted",
    ),
    Attempt(
        "open a revoked link again",
        (APP, STAFF, WORKER, OWNER),
        "UPDATE order_tokens SET revoked_at = NULL WHERE user_id = {eve}",
        "a link that was revoked opens nothing any more",
    ),
    Attempt("read who moved stock", (APP,), "SELECT actor_id FROM stock_movements", "permission denied"),
    # The audit trail
    Attempt("edit the trail", EVERYBODY, "UPDATE audit_logs SET action = 'x'", "permission denied"),
    Attempt("edit the trail", (OWNER,), "UPDATE audit_logs SET action = 'x'", "the audit trail is only added to"),
    Attempt("delete from the trail", EVERYBODY, "DELETE FROM audit_logs", "permission denied"),
    Attempt("delete from the trail", (OWNER,), "DELETE FROM audit_logs", "the audit trail is only added to"),
    Attempt("empty the trail", (OWNER,), "TRUNCATE audit_logs", "the audit trail is only added to"),
    Attempt(
        "forge an entry",
        (APP, READER),
        "INSERT INTO audit_logs (id, action, resource, changes, created_at)"
        " VALUES (public.uuid_v7(), 'x', 'x', '{{}}', now())",
        "permission denied",
    ),
    Attempt("read the trail", (APP, READER), "SELECT * FROM audit_logs", "permission denied"),
]


class Scene:
    """One database with everything of Ada's and Eve's in it, and a note of what was tried."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tried: list[tuple[str, str, str]] = []
        self.open: dict[str, psycopg.Connection[Any]] = {}
        self.ids: dict[str, Any] = {}
        self.ada: dict[str, Row] = {}
        with Rows(url) as rows:
            one_of_every_table(rows)
            ada = rows.last["users"]["id"]
            rows.add("carts", user_id=ada, token_hash=None)
            rows.add("cart_items", user_id=ada)
            rows.add("idempotency_keys", user_id=ada)
            rows.add("audit_logs", user_id=ada)
            rows.run("UPDATE bookings SET status = 'confirmed'")
            booking = rows.last["bookings"]
            self.ada = dict(rows.last)
            for table in DERIVED:
                query = sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(table))
                self.ada[table] = rows.connection.execute(query).fetchone() or {}
            self.partition = rows.one("SELECT tableoid::regclass::text FROM orders LIMIT 1")
            self.ids |= {"ada": ada, "ada_order": self.ada["orders"]["id"], "ada_booking": booking["id"]}
        with Rows(url) as rows:
            self._of_eve(rows)

    def _of_eve(self, rows: Rows) -> None:
        rows.add("users", role="user")
        rows.add("person_keys")
        unpaid, waiting = rows.add("orders"), rows.add("orders")
        begun = rows.add("payments", status="pending", captured_amount=0, amount=12)
        self.ids |= {"unpaid": unpaid["id"], "waiting": waiting["id"], "begun": begun["id"]}
        empty = rows.add("orders", subtotal_amount=0, tax_amount=0, total_amount=0)
        under_way = rows.add("orders")
        going = {"status": "processing", "captured_amount": 0, "amount": 12, "provider_payment_id": "pi_of_eve"}
        self.ids |= {"empty": empty["id"], "under_way": rows.add("payments", order_id=under_way["id"], **going)["id"]}
        for name, status, given in (("paid", "paid", 0), ("returned", "refunded", 12)):
            order = rows.add("orders", status="confirmed", payment_status=status)
            rows.add("order_items")
            rows.add("payments", order_id=order["id"], refunded_amount=given)
            self.ids[name] = order["id"]
        for table in ("orders", "order_items", "payments", "services"):
            rows.add(table, **({"slug": "eve"} if table == "services" else {}))
        rows.add("payment_events", kind="captured", amount=12)
        rows.add("downloads", download_count=1)
        rows.add("order_tokens", revoked_at="2026-01-01")
        product = rows.add("products", sku="EVE", slug="eve", stock_quantity=5)
        rows.add("stock_movements", kind="receive", on_hand_change=5)
        rows.add("reviews", product_id=product["id"])
        coupon = rows.add("coupons", code="ONCE", usage_limit=1)
        rows.add("coupon_codes", code="ONCE-1")
        other = rows.add("orders")
        rows.add("coupon_usages", order_id=other["id"], coupon_code_id=None)
        names = {"eve": "users", "payment": "payments", "line": "order_items", "product": "products"}
        names |= {"review": "reviews", "service": "services"}
        self.ids |= {name: rows.last[table]["id"] for name, table in names.items()}
        self.ids |= {"coupon": coupon["id"], "order": rows.last["payments"]["order_id"]}

    def connected(self, role: str) -> psycopg.Connection[Any]:
        """Eve at this role; as the owner, somebody who administers the database."""
        if role not in self.open:
            if role == OWNER:
                self.open[role] = psycopg.connect(self.url, autocommit=True)
                self.open[role].execute("SET ROLE lex_owner")
            else:
                self.open[role] = connect_as(role, self.url, self.ids["eve"])
        return self.open[role]

    def answer(self, role: str, what: str, statement: str | sql.Composed) -> str:
        """What PostgreSQL says to it; whatever it did is taken back."""
        query = statement.encode() if isinstance(statement, str) else statement
        connection = self.connected(role)
        try:
            with connection.transaction(force_rollback=True):
                said = f"{connection.execute(query).rowcount} rows"
        except psycopg.Error as error:
            said = f"{error.sqlstate}: {str(error).splitlines()[0]}"
        self.tried.append((role, what, said))
        return said

    def told(self) -> str:
        """The list of attempts and answers."""
        wide = max(len(what) for _, what, _ in self.tried)
        return "\n".join(f"{role:10} {what:{wide}}  {said}" for role, what, said in self.tried)


@pytest.fixture(scope="module")
def scene(cluster: Cluster, template: str, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The database of this file; at the end the list of what was tried is printed."""
    for url in temporary_database(cluster, template):
        roles.ensure(url)  # as whoever migrates does
        made = Scene(url)
        yield made
        for connection in made.open.values():
            connection.close()
        plugins = request.config.pluginmanager
        if terminal := plugins.getplugin("terminalreporter"):  # not in the workers of a parallel run
            with plugins.getplugin("capturemanager").global_and_fixture_disabled():
                terminal.write_line(f"\n\n{len(made.tried)} attempts\n{made.told()}")


@pytest.mark.parametrize(
    ("attempt", "role"),
    [pytest.param(attempt, role, id=f"{attempt.what}, {role}") for attempt in ATTEMPTS for role in attempt.roles],
)
def test_what_is_tried_is_refused(scene: Scene, attempt: Attempt, role: str) -> None:
    literals = {name: f"'{value}'" for name, value in scene.ids.items()}
    said = scene.answer(role, attempt.what, attempt.statement.format(**literals, partition=scene.partition))
    assert any(part in said for part in attempt.refusal.split("|")), said


@pytest.mark.parametrize("table", OF_PEOPLE)
def test_another_customers_rows_cannot_be_read(scene: Scene, table: str) -> None:
    statement = sql.SQL("SELECT 1 FROM {} WHERE user_id = {}").format(sql.Identifier(table), scene.ids["ada"])
    assert refused_or_hidden(scene.answer(APP, f"read Ada's {table}", statement))


@pytest.mark.parametrize("table", OF_PEOPLE)
def test_another_customers_rows_cannot_be_changed(scene: Scene, table: str) -> None:
    statement = sql.SQL("UPDATE {} SET user_id = {} WHERE user_id = {}").format(
        sql.Identifier(table), scene.ids["eve"], scene.ids["ada"]
    )
    assert refused_or_hidden(scene.answer(APP, f"take Ada's {table} over", statement))


@pytest.mark.parametrize("table", OF_PEOPLE)
def test_another_customers_rows_cannot_be_deleted(scene: Scene, table: str) -> None:
    statement = sql.SQL("DELETE FROM {} WHERE user_id = {}").format(sql.Identifier(table), scene.ids["ada"])
    assert refused_or_hidden(scene.answer(APP, f"delete Ada's {table}", statement))


@pytest.mark.parametrize("table", OF_PEOPLE)
def test_nothing_can_be_written_in_another_customers_name(scene: Scene, table: str) -> None:
    row = {name: value for name, value in scene.ada[table].items() if value is not None and name != "search"}
    if table == "orders":
        row["order_number"] = "LEX-20260101-ADAADA22"  # it is taken down before anybody is asked whose the order is
    values = [sql.Literal(Jsonb(value) if isinstance(value, dict) else value) for value in row.values()]
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(values)
    )
    said = scene.answer(APP, f"write {table} in Ada's name", statement)
    assert said.startswith("42501"), said


@pytest.mark.parametrize("table", OF_PEOPLE)
def test_nobody_sees_nothing(scene: Scene, table: str) -> None:
    """Without a setting there is nobody, and nobody owns anything."""
    with connect_as(APP, scene.url) as connection:
        query = sql.SQL("SELECT count(*) FROM {} WHERE user_id IS NOT NULL").format(sql.Identifier(table))
        try:
            said = f"{connection.execute(query).fetchone()[0]} rows"  # type: ignore[index]
        except psycopg.errors.InsufficientPrivilege as error:
            said = f"{error.sqlstate}: {error}"
    scene.tried.append((APP, f"read {table} as nobody", said.splitlines()[0]))
    assert refused_or_hidden(said)


def refused_or_hidden(said: str) -> bool:
    """No right to it at all, or nothing there for this customer."""
    return said == NOTHING or said.startswith("42501: permission denied")


def test_ada_has_a_row_in_every_table_of_people(scene: Scene) -> None:
    """Else the tests above would find nothing because there is nothing."""
    with Rows(scene.url) as rows:
        empty = [t for t in OF_PEOPLE if not rows.one(f"SELECT count(*) FROM {t} WHERE user_id = %s", scene.ids["ada"])]
    assert empty == []
