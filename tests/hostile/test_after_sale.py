"""What the back office and jobs try after a sale: each tried for good, and refused at the latest by COMMIT."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.hostile.attempts import APP, STAFF, WORKER
from tests.support.roles import connect_as
from tests.support.rows import Row, Rows

PARCEL = (
    "WITH parcel AS (INSERT INTO fulfilments (id, order_id, user_id, kind, fulfilled_at)"
    " VALUES (uuid_v7(), {order}, {user}, 'ship', now()) RETURNING id, user_id)"
    " INSERT INTO fulfilment_items (id, fulfilment_id, user_id, order_item_id, quantity)"
    " SELECT uuid_v7(), parcel.id, parcel.user_id, {line}, %s FROM parcel"
)
INVOICE = (
    "INSERT INTO invoices (id, order_id, user_id, kind, series, number, issued_on, currency, net_amount, tax_amount,"
    " total_amount, lines) VALUES (uuid_v7(), {order}, {user}, %s, 'A', 7, %s, 'EUR', %s, %s, %s, '[]')"
)
LINK = (
    "INSERT INTO downloads (id, order_id, user_id, order_item_id, digital_file_id, token_hash, expires_at)"
    " VALUES (uuid_v7(), {order}, {user}, %s, {file}, 'hash', now() + interval '1 day')"
)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
HAND_OVER = "UPDATE orders SET fulfilment_status = %s WHERE id = {order}"


class Sale:
    """A paid order of two bells that are shipped and a file; another that is not paid."""

    def __init__(self, url: str, rows: Rows) -> None:
        self.url, self.rows = url, rows
        self.user: UUID = rows.add("users", role="user")["id"]
        rows.add("person_keys", user_id=self.user)
        paid = {"status": "confirmed", "payment_status": "paid"}
        self.order: Row = rows.add("orders", **paid)
        self.line = rows.add("order_items", quantity=2, requires_shipping=True)["id"]
        self.product = rows.last["products"]["id"]
        self.file = rows.add("digital_files")["id"]
        self.digital = rows.add("order_items", position=2, is_digital=True, requires_shipping=False)["id"]
        self.payment: UUID = rows.add("payments")["id"]
        self.other = rows.add("orders")["id"]
        self.other_line = rows.add("order_items", quantity=2, requires_shipping=True, is_digital=True)["id"]

    def tried(self, role: str, statement: str, *values: Any, **names: Any) -> str:
        """What PostgreSQL says to it, as one transaction."""
        ids = {"order": self.order["id"], "user": self.user, "line": self.line, "file": self.file, **names}
        text = statement.format(**{name: f"'{value}'" for name, value in ids.items()})
        with connect_as(role, self.url, self.user) as connection:
            try:
                with connection.transaction():
                    done = connection.execute(text.encode(), values)
                return f"{done.rowcount} rows"
            except psycopg.Error as error:
                return f"{error.diag.constraint_name or error.sqlstate}: {error}"

    def handed_over(self) -> int:
        """Units of the line that are."""
        return int(self.rows.one("SELECT fulfilled_quantity FROM order_items WHERE id = %s", self.line))

    def at_once(self, *statements: str) -> str:
        """What PostgreSQL says to the desk that writes both."""
        ids = {"order": f"'{self.order['id']}'", "user": f"'{self.user}'", "line": f"'{self.line}'"}
        with connect_as(STAFF, self.url, self.user) as connection:
            try:
                with connection.transaction():
                    for statement in statements:
                        connection.execute(statement.format(**ids).encode())
            except psycopg.Error as error:
                return str(error.diag.constraint_name)
        return "done"


@pytest.fixture
def sale(database_url: str) -> Iterator[Sale]:
    with Rows(database_url) as rows:
        yield Sale(database_url, rows)


def parcel(units: int) -> str:
    return PARCEL.replace("%s", str(units))


def shown(state: str) -> str:
    return HAND_OVER.replace("%s", f"'{state}'")


def test_what_is_handed_over_is_what_was_sold(sale: Sale) -> None:
    assert sale.tried(STAFF, parcel(3)).startswith("ck_order_items_fulfilled_quantity")
    assert sale.tried(STAFF, parcel(1), line=sale.other_line).startswith("ck_fulfilment_items_order_item_id")
    assert sale.tried(STAFF, parcel(1), line=sale.digital).startswith("ck_fulfilment_items_order_item_id")
    unpaid = sale.tried(STAFF, parcel(1), order=sale.other, line=sale.other_line)
    assert unpaid.startswith("ck_fulfilment_items_order_item_id")
    for role in (APP, STAFF, WORKER):
        assert "permission denied" in sale.tried(role, "UPDATE order_items SET fulfilled_quantity = 2")


def test_an_order_is_as_handed_over_as_its_lines(sale: Sale) -> None:
    assert sale.tried(STAFF, shown("fulfilled")).startswith("ck_orders_handed_over")
    assert sale.tried(STAFF, parcel(1)).startswith("ck_orders_handed_over")
    assert sale.at_once(parcel(1), shown("fulfilled")) == "ck_orders_handed_over"
    assert sale.at_once(shown("partially_fulfilled"), parcel(1)) == "done"
    assert sale.at_once(parcel(1), shown("fulfilled")) == "done"
    assert sale.handed_over() == 2
    for back in ("unfulfilled", "partially_fulfilled", "not_needed"):
        assert sale.tried(WORKER, shown(back)).startswith("tr_orders_forward")
    assert sale.tried(STAFF, "UPDATE fulfilments SET order_id = {other}", other=sale.other).startswith("tr_fulfilments")


def test_what_is_handed_over_in_the_middle_is_not_canceled(sale: Sale) -> None:
    cancel = "UPDATE orders SET status = 'canceled', canceled_at = now() WHERE id = {order}"
    assert sale.at_once(parcel(2), cancel) == "ck_orders_handed_over"
    assert sale.at_once(parcel(2), cancel, shown("fulfilled")) == "tr_orders_forward"
    done = "UPDATE orders SET status = 'completed', completed_at = now() WHERE id = {order}"
    assert sale.at_once(shown("fulfilled"), done) == "ck_orders_handed_over"
    unpaid = HAND_OVER.replace("%s", "'fulfilled'")
    assert sale.tried(STAFF, unpaid, order=sale.other).startswith("tr_orders_forward")
    assert sale.at_once(parcel(2), shown("fulfilled")) == "done"
    assert sale.at_once(cancel) == "ck_orders_paid"


def test_who_comes_second_waits_and_is_refused(sale: Sale) -> None:
    """A parcel that is not finished keeps the order from being canceled, and the last unit goes once."""
    ids = {"order": f"'{sale.order['id']}'", "user": f"'{sale.user}'", "line": f"'{sale.line}'"}
    cancel = "UPDATE orders SET status = 'canceled', canceled_at = now() WHERE id = {order}"
    for second, refusal in ((cancel, "ck_orders_paid"), (parcel(2), "ck_order_items_fulfilled_quantity")):
        with connect_as(STAFF, sale.url) as one, ThreadPoolExecutor(1) as pool:
            one.execute("BEGIN")
            one.execute(parcel(1).format(**ids).encode())
            said = pool.submit(sale.at_once, second)
            while not said.done() and not sale.rows.one(WAITING):
                time.sleep(0.01)
            assert not said.done()
            state = "fulfilled" if sale.handed_over() else "partially_fulfilled"
            one.execute(shown(state).format(**ids).encode())
            one.execute("COMMIT")
            assert said.result() == refusal
    assert sale.handed_over() == 2


def test_a_parcel_is_not_packed_in_the_past(sale: Sale) -> None:
    with connect_as(STAFF, sale.url) as desk:
        desk.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        names = {"order": f"'{sale.order['id']}'", "user": f"'{sale.user}'", "line": f"'{sale.line}'"}
        with pytest.raises(psycopg.Error, match="READ COMMITTED"):
            desk.execute(parcel(1).format(**names).encode())
        desk.execute("ROLLBACK")


def test_a_link_opens_what_was_bought_and_paid(sale: Sale) -> None:
    for role in (STAFF, WORKER):
        assert sale.tried(role, LINK, sale.line).startswith("ck_downloads_order_item_id")
        assert sale.tried(role, LINK, sale.other_line).startswith("ck_downloads_order_item_id")
        unpaid = sale.tried(role, LINK, sale.other_line, order=sale.other)
        assert unpaid.startswith("ck_downloads_order_item_id")
    sale.rows.add("products", sku="OTHER", slug="other")
    foreign = sale.rows.add("digital_files", product_id=sale.rows.last["products"]["id"])["id"]
    assert sale.tried(WORKER, LINK, sale.digital, file=foreign).startswith("ck_downloads_order_item_id")
    assert sale.tried(WORKER, LINK, sale.digital) == "1 rows"
    changes = {"digital_file_id": foreign, "order_item_id": sale.line, "order_id": sale.other, "id": sale.other}
    for column, other in changes.items():
        said = sale.tried(STAFF, f"UPDATE downloads SET {column} = {{other}}", other=other)
        assert said.startswith("tr_downloads_keep"), column


def test_an_order_says_what_went_back(sale: Sale) -> None:
    sale.rows.add("refunds", payment_id=sale.payment, order_id=sale.order["id"], amount=5)
    back = "UPDATE payments SET refunded_amount = 5, status = 'partially_refunded' WHERE order_id = {order}"
    assert sale.tried(WORKER, back).startswith("ck_orders_refunded")
    told = "WITH told AS (UPDATE orders SET payment_status = 'partially_refunded' WHERE id = {order}) " + back
    assert sale.tried(WORKER, told) == "1 rows"
    again = "UPDATE orders SET payment_status = 'paid' WHERE id = {order}"
    for role in (APP, STAFF, WORKER):
        assert sale.tried(role, again).startswith("ck_orders_paid")


def test_an_invoice_bills_its_order_once(sale: Sale) -> None:
    day = sale.rows.one("SELECT current_date")
    for role in (STAFF, WORKER):
        for total, tax in ((24, 4), (12, 0), (0, 0)):
            said = sale.tried(role, INVOICE, "invoice", day, total - tax, tax, total)
            assert said.startswith("ck_invoices_order: invoice of order"), said
        assert "of today" in sale.tried(role, INVOICE, "invoice", "2020-01-01", 10, 2, 12)
        assert "a credit note takes back of 0" in sale.tried(role, INVOICE, "credit_note", day, 10, 2, 12)
        assert "permission denied" in sale.tried(role, "UPDATE invoice_counters SET series = 'B'")
    assert sale.tried(STAFF, INVOICE, "invoice", day, 10, 2, 12) == "1 rows"
    assert "it was billed" in sale.tried(WORKER, INVOICE, "invoice", day, 10, 2, 12)
    twice = INVOICE.replace("uuid_v7()", "{invoice}") + " ON CONFLICT DO NOTHING"
    first = sale.rows.one("SELECT id FROM invoices")
    assert sale.tried(STAFF, twice, "credit_note", day, 4, 1, 5, invoice=first) == "0 rows"
    assert "takes back of 12.00 with 2.00 of tax" in sale.tried(STAFF, INVOICE, "credit_note", day, 12, 0, 12)
    assert "takes back of" in sale.tried(STAFF, INVOICE, "credit_note", day, 0, 0, 0)
    assert sale.tried(STAFF, INVOICE, "credit_note", day, 4, 1, 5) == "1 rows"
    assert "of 7.00" in sale.tried(STAFF, INVOICE, "credit_note", day, 7, 1, 8)
    assert sale.tried(STAFF, INVOICE, "credit_note", day, 6, 1, 7) == "1 rows"
    assert sale.tried(STAFF, INVOICE, "invoice", day, 10, 2, 12) == "1 rows"
    assert sale.rows.column("SELECT number FROM invoices ORDER BY number") == [1, 2, 3, 4]  # none left a gap


def test_two_invoices_of_one_statement_have_a_number_each(sale: Sale) -> None:
    day = sale.rows.one("SELECT current_date")
    head = INVOICE.partition(" VALUES ")[0]
    two = " UNION ALL ".join(
        f"SELECT uuid_v7(), {order}::uuid, {{user}}::uuid, 'invoice', 'A', 1, %s, 'EUR', 10, 2, 12, '[]'::jsonb"
        for order in ("{order}", "{other}")
    )
    assert sale.tried(STAFF, f"{head} {two}", day, day, other=sale.other) == "2 rows"
    assert sale.rows.column("SELECT number FROM invoices ORDER BY number") == [1, 2]


def test_an_order_of_nothing_is_billed_once_too(sale: Sale) -> None:
    day = sale.rows.one("SELECT current_date")
    free = sale.rows.add("orders", subtotal_amount=0, tax_amount=0, total_amount=0)["id"]
    bill = (INVOICE, "invoice", day, 0, 0, 0)
    assert sale.tried(STAFF, *bill, order=free) == "1 rows"
    assert "it was billed" in sale.tried(STAFF, *bill, order=free)


def test_the_owners_numbers_stay_and_the_series_goes_on(sale: Sale) -> None:
    sale.rows.add("invoices", order_id=sale.other, series="A", number=4711)
    day = sale.rows.one("SELECT current_date")
    assert sale.tried(STAFF, INVOICE, "invoice", day, 10, 2, 12) == "1 rows"
    assert sale.rows.column("SELECT number FROM invoices ORDER BY number") == [4711, 4712]


def test_stars_are_counted_from_reviews(sale: Sale) -> None:
    for role in (STAFF, WORKER):
        assert "counted from reviews" in sale.tried(role, "UPDATE products SET rating_average = 5, rating_count = 999")
        new = "INSERT INTO services (id, service_type, slug, name, price, rating_count)"
        assert "counted from reviews" in sale.tried(role, f"{new} VALUES (uuid_v7(), 'one_time', 's', 'S', 1, 9)")
    moderator = sale.rows.add("users", role="moderator")["id"]
    sale.rows.add("person_keys", user_id=moderator)
    decide = "UPDATE reviews SET status = %s, moderated_at = now(), moderated_by = %s WHERE id = %s"
    stars = "SELECT format('%%s of %%s', rating_average, rating_count) FROM products WHERE id = %s"
    reviews = []
    for rating in (5, 2):
        writer = sale.rows.add("users", role="user")["id"]
        reviews.append(sale.rows.add("reviews", user_id=writer, product_id=sale.product, rating=rating)["id"])
    assert sale.rows.one(stars, sale.product) == " of 0"
    with connect_as(STAFF, sale.url, moderator) as staff:
        for review, told in zip(reviews, ("5.00 of 1", "3.50 of 2"), strict=True):
            staff.execute(decide, ("approved", moderator, review))
            assert sale.rows.one(stars, sale.product) == told
        staff.execute(decide, ("rejected", moderator, reviews[1]))
        assert sale.rows.one(stars, sale.product) == "5.00 of 1"
        staff.execute("UPDATE reviews SET deleted_at = now() WHERE id = %s", (reviews[0],))
        assert sale.rows.one(stars, sale.product) == " of 0"
        staff.execute("UPDATE reviews SET deleted_at = NULL WHERE id = %s", (reviews[0],))
        assert sale.rows.one(stars, sale.product) == "5.00 of 1"
    author = sale.rows.one("SELECT user_id FROM reviews WHERE id = %s", reviews[0])
    sale.rows.add("person_keys", user_id=author)
    with connect_as(APP, sale.url, author) as own:  # rewritten it waits again
        own.execute("UPDATE reviews SET title = 'Buy at mine'")
    assert sale.rows.one(stars, sale.product) == " of 0"


#: What is added of a person, by table, with what is not empty in it.
ADDED = {
    "addresses": "(id, user_id, recipient_name, line1, city, country) VALUES (uuid_v7(), {user}, 'x', 'x', 'x', 'DE')",
    "api_keys": "(id, user_id, name, prefix, token_hash) VALUES (uuid_v7(), {user}, 'x', 'x', 'x')",
    "bookings": "(id, user_id, service_id, resource_id, status, starts_at, ends_at, timezone, uid, notes) SELECT"
    " uuid_v7(), {user}, service_id, resource_id, 'completed', starts_at, ends_at, timezone, 'x', 'x' FROM bookings",
    "carts": "(id, user_id, status, currency, expires_at, token_hash)"
    " VALUES (uuid_v7(), {user}, 'open', 'EUR', now(), 'x')",
    "passkeys": "(id, user_id, credential_id, public_key, name) VALUES (uuid_v7(), {user}, 'x', 'x', 'x')",
    "payment_methods": "(id, user_id, type, provider, provider_token)"
    " VALUES (uuid_v7(), {user}, 'card', 'sandbox', 'x')",
    "reviews": "(id, user_id, product_id, rating) VALUES (uuid_v7(), {user}, {product}, 5)",
}
#: What would name somebody in a row there is.
NAMED = {
    "addresses": "line1 = 'y'",
    "bookings": "notes = 'y'",
    "carts": "token_hash = 'y'",
    "orders": "customer_note = 'y'",
    "payment_methods": "provider_token = 'y'",
    "reviews": "title = 'y'",
    "users": "first_name = 'y'",
}


@pytest.fixture
def erased(sale: Sale) -> UUID:
    """Somebody erased, of whom there is a row in each of NAMED."""
    person = UUID(str(sale.rows.add("users", role="user")["id"]))
    order = sale.rows.add("orders")["id"]
    sale.rows.add("payments", order_id=order, status="failed", captured_amount=0)
    sale.rows.run("UPDATE orders SET status = 'canceled' WHERE id = %s", order)
    for table in ("addresses", "bookings", "payment_methods", "reviews"):
        sale.rows.add(table, user_id=person)
    sale.rows.add("carts", user_id=person, token_hash=b"x")
    sale.rows.add("person_keys", user_id=person)
    sale.rows.run("UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now() WHERE user_id = %s", person)
    return person


@pytest.mark.parametrize("table", ADDED)
def test_nothing_is_added_of_somebody_erased(sale: Sale, erased: UUID, table: str) -> None:
    statement = f"INSERT INTO {table} {ADDED[table]}"
    said = sale.tried(WORKER, statement, user=erased, product=sale.product)
    assert said.startswith(f"ck_{table}_erased: person {erased} was erased"), said


@pytest.mark.parametrize("table", NAMED)
def test_nothing_names_somebody_erased_again(sale: Sale, erased: UUID, table: str) -> None:
    whose = "id" if table == "users" else "user_id"
    said = sale.tried(WORKER, f"UPDATE {table} SET {NAMED[table]} WHERE {whose} = {{user}}", user=erased)
    assert said.startswith(f"ck_{table}_erased: person {erased} was erased"), said


@pytest.mark.parametrize("table", ["addresses", "bookings", "carts", "payment_methods", "reviews"])
def test_nothing_of_others_is_given_to_somebody_erased(sale: Sale, erased: UUID, table: str) -> None:
    given = {"title": "x"} if table == "reviews" else {"notes": b"x"} if table == "bookings" else {}
    if table == "bookings":
        sale.rows.add("resources")
    row = sale.rows.add(table, user_id=sale.user, **given)
    said = sale.tried(WORKER, f"UPDATE {table} SET user_id = {{user}} WHERE id = {{row}}", user=erased, row=row["id"])
    assert said.startswith(f"ck_{table}_erased: person {erased} was erased"), said
