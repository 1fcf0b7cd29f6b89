"""The database itself writes every change down, and what is written stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from psycopg.errors import RestrictViolation

from lex.core import ids
from tests.support.rows import Row, Rows


@contextmanager
def acting(rows: Rows, **settings: str) -> Iterator[None]:
    """A transaction that says who acts, as lex.db.session does."""
    with rows.connection.transaction():
        for name, value in settings.items():
            rows.one("SELECT set_config(%s, %s, true)", f"lex.{name}", value)
        yield


def entries(rows: Rows, resource: str) -> list[Row]:
    query = "SELECT * FROM audit_logs WHERE resource = %s ORDER BY id"
    return rows.connection.execute(query, (resource,)).fetchall()


def test_insert_update_and_delete_are_told_with_actor_and_values(own_rows: Rows) -> None:
    actor, request = str(ids.new_id()), str(uuid4())
    with acting(own_rows, user_id=actor, role="admin", request_id=request, ip_address="192.0.2.7"):
        row = own_rows.add("tax_rates", rate=19, name="standard")
    own_rows.run("UPDATE tax_rates SET rate = 7")
    own_rows.run("DELETE FROM tax_rates")

    made, changed, gone = entries(own_rows, "tax_rates")
    assert (str(made["user_id"]), made["role"], made["request_id"]) == (actor, "admin", request)
    assert str(made["ip_address"]) == "192.0.2.7"
    assert [entry["action"] for entry in (made, changed, gone)] == ["insert", "update", "delete"]
    assert {entry["resource_id"] for entry in (made, changed, gone)} == {str(row["id"])}
    assert made["changes"]["new"]["name"] == "standard"
    assert changed["changes"] == {"rate": [19, 7]}
    assert gone["changes"]["old"]["rate"] == 7
    assert (changed["user_id"], changed["role"], changed["request_id"]) == (None, None, None)
    assert changed["database_user"] == own_rows.one("SELECT session_user")
    assert made["created_at"] == ids.instant_of(made["id"])


def test_a_change_of_nothing_tells_nothing(rows: Rows) -> None:
    rows.add("tax_rates", rate=19)
    rows.add("services")
    rows.run("UPDATE tax_rates SET rate = 19")
    rows.run("UPDATE services SET price = price")
    assert len(entries(rows, "tax_rates")) == len(entries(rows, "services")) == 1


@pytest.mark.parametrize(
    ("table", "column", "first", "second"),
    [
        ("users", "password", "$2b$12$" + "a" * 53, "$2b$12$" + "b" * 53),
        ("users", "two_factor_secret", b"one", b"two"),
        ("api_keys", "token_hash", b"one", b"two"),
        ("order_tokens", "token_hash", b"one", b"two"),
        ("downloads", "token_hash", b"one", b"two"),
        ("carts", "token_hash", b"one", b"two"),
        ("person_keys", "wrapped_key", b"one" * 20, b"two" * 20),
        ("payment_methods", "provider_token", b"one", b"two"),
    ],
)
def test_secrets_show_that_they_changed_and_nothing_else(
    rows: Rows, table: str, column: str, first: Any, second: Any
) -> None:
    given: Row = {"role": "user"} if table == "users" else {}
    rows.add(table, **given, **{column: first})
    again = ", key_id = 'k2'" if table == "person_keys" else ""
    rows.run(f"UPDATE {table} SET {column} = %s{again}", second)
    rows.run("DELETE FROM person_keys")
    made, changed = entries(rows, table)[:2]
    assert made["changes"]["new"][column] == "***"
    assert changed["changes"][column] == ["***", "***"]
    assert changed["changes"].keys() <= {column, "key_id"}


def test_holding_stock_is_told_by_movements_alone(rows: Rows) -> None:
    rows.add("products", stock_quantity=5, price=10)
    rows.run("UPDATE products SET reserved_quantity = 2, stock_quantity = 4")
    assert len(entries(rows, "products")) == 1
    rows.run("UPDATE products SET stock_quantity = 9, price = 11")
    assert entries(rows, "products")[-1]["changes"] == {"price": [10, 11]}
    assert "search" not in entries(rows, "products")[0]["changes"]["new"]


def test_a_partition_is_told_by_the_name_of_its_table(rows: Rows) -> None:
    order = rows.add("orders")
    rows.run("UPDATE orders SET status = 'confirmed'")
    assert [entry["resource_id"] for entry in entries(rows, "orders")] == [str(order["id"])] * 2
    assert entries(rows, "orders")[1]["changes"] == {"status": ["pending", "confirmed"]}


def test_a_row_without_an_id_is_named_by_its_key(rows: Rows) -> None:
    link = rows.add("service_resources")
    assert entries(rows, "service_resources")[0]["resource_id"] == f"{link['service_id']}/{link['resource_id']}"


def test_entries_of_one_transaction_keep_their_order(rows: Rows) -> None:
    with rows.connection.transaction():
        made = [str(rows.add("tax_rates", country=country)["id"]) for country in ("AT", "BE", "CH", "DE", "ES")]
    told = entries(rows, "tax_rates")
    assert [entry["resource_id"] for entry in told] == made
    assert len({entry["transaction_id"] for entry in told}) == 1


@pytest.mark.parametrize("statement", ["UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_trail_is_only_added_to(rows: Rows, statement: str) -> None:
    rows.add("tax_rates")
    partition = rows.one("SELECT tableoid::regclass::text FROM audit_logs LIMIT 1")
    for table in ("audit_logs", partition):
        with pytest.raises(RestrictViolation, match="on audit_logs is forbidden: the audit trail is only added to"):
            rows.run(statement.format(table))
