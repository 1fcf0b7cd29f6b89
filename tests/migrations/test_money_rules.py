"""Orders are never deleted, payments never altered, refunds never too much: for raw SQL of the owner too."""

import threading

import pytest
from psycopg.errors import CheckViolation, RestrictViolation

from tests.support.rows import Rows

STATES = ("pending", "confirmed", "processing", "completed", "canceled")
LEGAL = {
    *(("pending", "confirmed"), ("pending", "canceled")),
    *(("confirmed", "processing"), ("confirmed", "completed"), ("confirmed", "canceled")),
    *(("processing", "completed"), ("processing", "canceled")),
}


@pytest.mark.parametrize(
    ("table", "reason"),
    [("orders", "canceled, never deleted"), ("payments", "kept for ever"), ("refunds", "kept for ever")],
)
def test_delete_and_truncate_are_refused(rows: Rows, table: str, reason: str) -> None:
    rows.add("refunds", amount=1)
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(RestrictViolation, match=reason) as refused:
            rows.run(statement)
        assert refused.value.sqlstate == "23001"
        assert refused.value.diag.table_name == table


def test_a_partition_of_orders_cannot_be_emptied_by_name(rows: Rows) -> None:
    rows.add("orders")
    partition = rows.one("SELECT tableoid::regclass::text FROM orders")
    for statement in (f"DELETE FROM {partition}", f"TRUNCATE {partition} CASCADE"):
        with pytest.raises(RestrictViolation, match="on orders is forbidden: an order is canceled, never deleted"):
            rows.run(statement)


def test_truncating_users_does_not_take_the_orders_along(rows: Rows) -> None:
    rows.add("orders")
    with pytest.raises(RestrictViolation):
        rows.run("TRUNCATE users CASCADE")


@pytest.mark.parametrize("before", STATES)
def test_orders_move_along_legal_transitions_only(rows: Rows, before: str) -> None:
    for after in STATES:
        order = rows.add("orders", status=before)
        change = ("UPDATE orders SET status = %s WHERE id = %s", after, order["id"])
        if after == before or (before, after) in LEGAL:
            assert rows.run(*change) == 1
            continue
        with pytest.raises(CheckViolation, match=f"is {before} and cannot become {after}") as refused:
            rows.run(*change)
        assert refused.value.diag.constraint_name == "ck_orders_transition"
        assert order["order_number"] in (refused.value.diag.message_primary or "")


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("total_amount", "total_amount = 1, subtotal_amount = 1"),
        ("currency", "currency = 'USD'"),
        ("user_id", "user_id = public.uuid_v7()"),
        ("order_number", "order_number = 'LEX-20000101-ABCDEFGH'"),
        ("id", "id = public.uuid_v7()"),
        ("tax_amount", "tax_amount = 1"),
        ("taxes", "taxes = '[1]'"),
        ("order_type", "order_type = CASE order_type WHEN 'mixed' THEN 'product' ELSE 'mixed' END"),
        ("shipping_method", """shipping_method = '{"code": "other"}'"""),
        ("placed_at", "placed_at = now() - interval '1 day'"),
    ],
)
def test_what_a_placed_order_says_is_frozen(rows: Rows, column: str, change: str) -> None:
    rows.add("orders")
    with pytest.raises(CheckViolation, match=f"{column} cannot change once the order is placed") as refused:
        rows.run(f"UPDATE orders SET {change}")
    assert refused.value.diag.constraint_name == "ck_orders_frozen"
    assert refused.value.diag.column_name == column


def test_the_rest_of_an_order_moves_freely(rows: Rows) -> None:
    rows.add("orders")
    assert rows.run("UPDATE orders SET payment_status = 'paid', paid_at = now(), status = 'confirmed'") == 1
    assert rows.run("UPDATE orders SET fulfilment_status = 'fulfilled'") == 1


@pytest.mark.parametrize("status", ["pending", "requires_action", "processing"])
def test_a_payment_is_free_until_it_is_processed(rows: Rows, status: str) -> None:
    rows.add("payments", status=status, captured_amount=0)
    assert rows.run("UPDATE payments SET amount = 7, provider = 'paypal', provider_payment_id = 'x'") == 1
    assert rows.run("UPDATE payments SET status = 'captured', captured_amount = 7") == 1


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("amount", "amount = 1"),
        ("currency", "currency = 'USD'"),
        ("provider", "provider = 'paypal'"),
        ("provider_payment_id", "provider_payment_id = 'other'"),
        ("tender", "tender = 2"),
        ("authorized_amount", "authorized_amount = 3"),
        ("processed_at", "processed_at = now()"),
    ],
)
def test_a_captured_payment_is_frozen(rows: Rows, column: str, change: str) -> None:
    rows.add("payments", status="captured")
    with pytest.raises(CheckViolation, match=f"is captured: its {column} cannot change any more") as refused:
        rows.run(f"UPDATE payments SET {change}")
    assert refused.value.diag.constraint_name == "ck_payments_frozen"


@pytest.mark.parametrize(
    ("before", "after", "legal"),
    [
        ("captured", "refunded", True),
        ("captured", "partially_refunded", True),
        ("partially_refunded", "refunded", True),
        ("authorized", "captured", True),
        ("authorized", "voided", True),
        ("failed", "processing", True),
        ("expired", "captured", True),
        ("captured", "pending", False),
        ("captured", "voided", False),
        ("refunded", "pending", False),
        ("voided", "captured", False),
        ("authorized", "pending", False),
    ],
)
def test_payments_move_along_legal_transitions_only(rows: Rows, before: str, after: str, legal: bool) -> None:
    rows.add("payments", status=before)
    if legal:
        assert rows.run("UPDATE payments SET status = %s", after) == 1
        return
    with pytest.raises(CheckViolation, match=f"is {before} and cannot become {after}") as refused:
        rows.run("UPDATE payments SET status = %s", after)
    assert refused.value.diag.constraint_name == "ck_payments_transition"


def test_a_failed_payment_may_be_tried_another_way_for_the_same_amount(rows: Rows) -> None:
    rows.add("payments", status="failed", captured_amount=0, failure_code="declined")
    assert rows.run("UPDATE payments SET provider = 'stripe', provider_payment_id = 'pi', status = 'processing'") == 1
    rows.run("UPDATE payments SET status = 'failed'")
    with pytest.raises(CheckViolation, match="its amount cannot change"):
        rows.run("UPDATE payments SET amount = 1")


def test_refunds_never_pass_what_was_captured(rows: Rows) -> None:
    rows.add("payments", captured_amount=10)
    rows.add("refunds", amount=6, status="succeeded")
    rows.add("refunds", amount=4, status="failed")
    with pytest.raises(
        CheckViolation, match=r"a refund of 5\.00 EUR is too much: 4\.00 of the 10\.00 captured is left"
    ) as no:
        rows.add("refunds", amount=5)
    assert no.value.diag.constraint_name == "ck_refunds_sum"
    last = rows.add("refunds", amount=4)
    with pytest.raises(CheckViolation, match="is too much"):
        rows.run("UPDATE refunds SET amount = 4.01 WHERE id = %s", last["id"])
    with pytest.raises(CheckViolation, match="is too much"):
        rows.run("UPDATE refunds SET status = 'succeeded' WHERE status = 'failed'")
    assert rows.run("UPDATE refunds SET status = 'succeeded' WHERE id = %s", last["id"]) == 1


def test_a_refund_is_in_the_currency_of_its_payment(rows: Rows) -> None:
    rows.add("payments")
    with pytest.raises(CheckViolation, match="a payment in EUR cannot be refunded in USD"):
        rows.add("refunds", currency="USD")


def test_two_refunds_at_once_cannot_both_take_the_rest(own_rows: Rows, database_url: str) -> None:
    own_rows.add("payments", captured_amount=10)
    outcome: list[str] = []

    def refund_the_same() -> None:
        with Rows(database_url) as other:
            other.last = dict(own_rows.last)
            try:
                other.add("refunds", amount=10)
                outcome.append("refunded")
            except CheckViolation:
                outcome.append("refused")

    with own_rows.connection.transaction():
        own_rows.add("refunds", amount=10)
        second = threading.Thread(target=refund_the_same)
        second.start()
        second.join(0.3)
        assert second.is_alive(), "the second refund waits for the first"
    second.join(10)

    assert outcome == ["refused"]


def test_a_refund_that_went_through_is_frozen(rows: Rows) -> None:
    rows.add("refunds", amount=2, status="succeeded")
    with pytest.raises(CheckViolation, match="is succeeded: its amount cannot change any more"):
        rows.run("UPDATE refunds SET amount = 1")
    with pytest.raises(CheckViolation, match="is succeeded and cannot become pending"):
        rows.run("UPDATE refunds SET status = 'pending'")
    assert rows.run("UPDATE refunds SET status = 'failed', failure_code = 'returned_by_bank'") == 1


def test_guards_fire_in_replication_sessions_too(rows: Rows) -> None:
    sleeping = rows.column(
        """
        SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
        WHERE (f.proname ~ '^(guard|check)_' OR f.proname IN ('forbid', 'cap_refunds')) AND tgenabled <> 'A'
        """
    )
    assert sleeping == []
