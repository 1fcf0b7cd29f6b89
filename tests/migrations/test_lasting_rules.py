"""What was sold, billed and told stays; reviews wait for staff: for raw SQL of the owner."""

import pytest
from psycopg.errors import (
    CheckViolation,
    ForeignKeyViolation,
    RestrictViolation,
)

from tests.support.roles import connect_as
from tests.support.rows import START, Row, Rows

_ALWAYS = """
SELECT c.relname || ' ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'A' AND c.relnamespace = 'public'::regnamespace
  AND c.relname !~ '^procrastinate_'
"""

#: What tells a second row under the same parent from the first.
_NEXT: dict[str, Row] = {"payments": {"tender": 2}, "order_items": {"position": 2}}


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("order_items", "total_amount = 1, net_amount = 1, tax_amount = 0", "a line stays as it was sold"),
        ("order_items", "quantity = 7", "a line stays as it was sold"),
        ("payment_events", "amount = 1", "the ledger of a payment is only added to"),
        ("payment_events", "kind = 'refunded'", "the ledger of a payment is only added to"),
        ("invoices", "number = 9", "an invoice is corrected by a credit note, never changed"),
        ("invoices", "lines = '[1]'", "an invoice is corrected by a credit note, never changed"),
    ],
)
def test_what_was_sold_billed_and_told_stays(rows: Rows, table: str, change: str, reason: str) -> None:
    rows.add(table)
    for statement in (f"UPDATE {table} SET {change}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(RestrictViolation, match=reason):
            rows.run(statement)


def test_a_line_moves_on_in_what_becomes_of_it(rows: Rows) -> None:
    rows.add("order_items", quantity=2)
    assert rows.run("UPDATE order_items SET fulfilled_quantity = 2, refunded_quantity = 1") == 1


@pytest.mark.parametrize("table", ["order_items", "payments", "payment_events", "refunds", "invoices"])
def test_the_currency_of_an_order_is_that_of_all_below_it(rows: Rows, table: str) -> None:
    given: Row = {"status": "failed"} if table == "refunds" else {}
    rows.add("orders", currency="EUR")
    rows.add(table, **given)
    with pytest.raises(ForeignKeyViolation) as refused:
        rows.add(table, **given, currency="USD", **_NEXT.get(table, {}))
    assert refused.value.diag.constraint_name in (f"fk_{table}_orders", f"fk_{table}_payments")
    with pytest.raises((CheckViolation, RestrictViolation)):
        rows.run("UPDATE orders SET currency = 'USD'")


def test_money_that_moved_is_what_the_ledger_tells(rows: Rows) -> None:
    rows.add("payments", status="partially_captured", captured_amount=5)
    with pytest.raises(CheckViolation, match=r"12\.00 captured is not the 0 of its ledger") as refused:
        rows.run("UPDATE payments SET captured_amount = 12, status = 'captured'")
    assert refused.value.diag.constraint_name == "ck_payments_ledger"
    rows.add("payment_events", kind="captured", amount=5)
    rows.add("payment_events", kind="captured", amount=7, provider_reference="second")
    assert rows.run("UPDATE payments SET captured_amount = 12, status = 'captured'") == 1
    with pytest.raises(CheckViolation, match=r"is not the 12\.00"):
        rows.run("UPDATE payments SET captured_amount = 11")


def test_money_goes_back_by_refunds_alone(rows: Rows) -> None:
    rows.add("payments", captured_amount=12)
    with pytest.raises(CheckViolation, match=r"4\.00 refunded is more than the 0 of its refunds") as refused:
        rows.run("UPDATE payments SET refunded_amount = 4, status = 'partially_refunded'")
    assert refused.value.diag.constraint_name == "ck_payments_refunds"
    rows.add("refunds", amount=4)
    assert rows.run("UPDATE payments SET refunded_amount = 4, status = 'partially_refunded'") == 1
    assert rows.run("UPDATE payments SET refunded_amount = 0, status = 'captured'") == 1


def test_the_ways_of_a_status_are_closed(rows: Rows) -> None:
    for statement in (
        "INSERT INTO status_transitions VALUES ('order', 'canceled', 'pending')",
        "UPDATE status_transitions SET to_status = 'pending' WHERE from_status = 'confirmed'",
        "DELETE FROM status_transitions",
        "TRUNCATE status_transitions",
    ):
        with pytest.raises(RestrictViolation, match="a new way of a status is a migration"):
            rows.run(statement)


def test_a_review_starts_pending_and_waits_for_staff(rows: Rows) -> None:
    with pytest.raises(CheckViolation, match="a review starts pending, not approved"):
        rows.add("reviews", status="approved", moderated_at=START)
    rows.add("reviews")
    for status in ("approved", "rejected"):
        for setting in ("admin", "super_admin"):
            rows.one("SELECT set_config('lex.role', %s, true)", setting)
            with pytest.raises(CheckViolation, match=f"a review becomes {status} by staff only") as refused:
                rows.run("UPDATE reviews SET status = %s, moderated_at = now()", status)
            assert refused.value.diag.constraint_name == "ck_reviews_moderation"


def test_staff_approve_and_what_is_rewritten_waits_again(own_rows: Rows, database_url: str) -> None:
    review = own_rows.add("reviews")
    moderator = own_rows.add("users", role="moderator")["id"]
    decide = "UPDATE reviews SET status = %s, moderated_at = now(), moderated_by = %s"
    with (
        connect_as("lex_staff", database_url, moderator) as staff,
        connect_as("lex_app", database_url, review["user_id"]) as app,
    ):
        staff.execute(decide, ("approved", moderator))
        app.execute("UPDATE reviews SET updated_at = now()")
        assert own_rows.one("SELECT status FROM reviews") == "approved"
        app.execute("UPDATE reviews SET rating = 1")
        assert own_rows.one("SELECT status FROM reviews WHERE moderated_at IS NULL") == "pending"
        staff.execute(decide, ("rejected", moderator))


def test_every_trigger_fires_in_replication_sessions_too(rows: Rows) -> None:
    assert rows.column(_ALWAYS) == []
