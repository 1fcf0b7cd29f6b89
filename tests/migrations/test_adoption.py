"""Orders of guests move once, to the person who has proven to be the guest, by one function; nothing else moves one."""

from typing import Any

import pytest
from psycopg.errors import CheckViolation

from lex.ops.schema_docs import NOT_AUDITED
from tests.support.rows import DERIVED, Rows

_FOLLOWING = (
    "order_numbers",
    *("order_items", "order_events", "order_tokens", "payments", "payment_attempts", "payment_events"),
    *("payment_references", "refunds", "invoices", "fulfilments", "fulfilment_items", "downloads", "coupon_usages"),
    *("notifications", "bookings", "reviews", "carts", "cart_items"),
)


def guest_with_everything(rows: Rows) -> Any:
    """A guest with one order and a row of everything below it; returns the guest's id."""
    guest = rows.add("users", role="guest", email_blind_index=b"ada")["id"]
    order = rows.add("orders")
    given: dict[str, dict[str, Any]] = {
        "notifications": {"order_id": order["id"]},
        "bookings": {"order_id": order["id"], "order_item_id": ..., "status": "confirmed"},
        "reviews": {"order_item_id": ..., "product_id": ...},
        "carts": {"order_id": order["id"], "user_id": guest, "status": "placed"},
        "cart_items": {"user_id": guest, "product_id": ...},
    }
    for table in _FOLLOWING:
        if table not in (*rows.last, *DERIVED):
            rows.add(table, **given.get(table, {}))
    return guest


def verified(rows: Rows, email: bytes = b"ada") -> Any:
    made = rows.add("users", role="user", email_blind_index=email, email_verified_at=rows.one("SELECT now()"))
    return made["id"]


def test_everything_of_the_order_follows(rows: Rows) -> None:
    guest = guest_with_everything(rows)
    order = rows.last["orders"]["id"]
    person = verified(rows)

    moved = rows.connection.execute("SELECT * FROM adopt_guest_orders(%s)", (person,)).fetchall()

    assert moved == [{"order_id": order, "guest_id": guest}]
    assert rows.one("SELECT user_id FROM orders") == person
    for table in _FOLLOWING:
        assert rows.column(f"SELECT DISTINCT user_id FROM {table}") == [person], table
    told = rows.column("SELECT resource FROM audit_logs WHERE action = 'update' AND changes ? 'user_id'")
    assert set(told) == {"orders", *_FOLLOWING} - NOT_AUDITED.keys()


def test_every_table_that_hangs_on_an_owner_follows_it(rows: Rows) -> None:
    """Whatever is added later and forgets to would leave adopted orders in two hands, or stop them from moving."""
    staying = rows.column(
        """
        SELECT o.conname FROM pg_constraint o JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attname = 'user_id'
        WHERE o.contype = 'f' AND o.conparentid = 0 AND a.attnum = ANY (o.conkey) AND cardinality(o.conkey) > 1
          AND (o.confupdtype <> 'c' OR NOT o.condeferrable)
        """
    )
    assert staying == []


def test_orders_move_once(rows: Rows) -> None:
    guest_with_everything(rows)
    person = verified(rows)
    assert rows.one("SELECT count(*) FROM adopt_guest_orders(%s)", person) == 1
    assert rows.one("SELECT count(*) FROM adopt_guest_orders(%s)", person) == 0
    rows.run("UPDATE users SET deleted_at = now() WHERE id = %s", person)
    assert rows.one("SELECT count(*) FROM adopt_guest_orders(%s)", verified(rows)) == 0


@pytest.mark.parametrize(
    "change",
    [
        "email_verified_at = NULL",
        "is_active = false",
        "deleted_at = now()",
        "role = 'guest', email_verified_at = now()",
    ],
)
def test_who_has_proven_nothing_adopts_nothing(rows: Rows, change: str) -> None:
    guest = guest_with_everything(rows)
    person = verified(rows)
    rows.run(f"UPDATE users SET {change} WHERE id = %s", person)
    with pytest.raises(CheckViolation, match="has no verified e-mail and cannot adopt") as refused:
        rows.run("SELECT * FROM adopt_guest_orders(%s)", person)
    assert refused.value.diag.constraint_name == "ck_users_adoption"
    assert rows.one("SELECT user_id FROM orders") == guest


def test_another_address_and_other_accounts_stay_apart(rows: Rows) -> None:
    guest_with_everything(rows)
    assert rows.one("SELECT count(*) FROM adopt_guest_orders(%s)", verified(rows, b"bob")) == 0
    rows.run("UPDATE users SET role = 'user', deleted_at = now() WHERE role = 'guest'")
    assert rows.one("SELECT count(*) FROM adopt_guest_orders(%s)", verified(rows)) == 0


def test_no_other_statement_moves_an_order(rows: Rows) -> None:
    guest_with_everything(rows)
    person = verified(rows)
    rows.run(
        "CREATE FUNCTION pg_temp.adopt_guest_orders(person uuid) RETURNS void LANGUAGE plpgsql AS"
        " $$ BEGIN SET CONSTRAINTS ALL DEFERRED; UPDATE orders SET user_id = person; END $$"
    )
    for statement in ("UPDATE orders SET user_id = %s", "SELECT pg_temp.adopt_guest_orders(%s)"):
        with pytest.raises(CheckViolation, match="user_id cannot change once the order is placed"):
            rows.run(statement, person)
