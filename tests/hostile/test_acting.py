"""Whoever acts as a customer has that customer's connection: the setting that names them in the audit opens nothing."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.roles import connect_as
from tests.support.rows import Row, Rows

TABLES = ("users", "orders", "addresses", "carts", "person_keys", "api_keys")
CHANGE = "UPDATE addresses SET line2 = NULL, city = 'Bremen' WHERE user_id = %s"


@pytest.fixture
def two(database_url: str) -> Iterator[tuple[str, Rows, Row, Row]]:
    """A customer and an admin, each with an address."""
    with Rows(database_url) as rows:
        ada, boss = rows.add("users", role="user"), rows.add("users", role="admin")
        for one in (ada, boss):
            rows.add("addresses", user_id=one["id"])
            rows.add("person_keys", user_id=one["id"])
        yield database_url, rows, ada, boss


def test_the_staff_members_rows_and_rights_are_out_of_reach(two: tuple[str, Rows, Row, Row]) -> None:
    url, _, ada, boss = two
    with connect_as("lex_app", url, ada["id"]) as acting:
        acting.execute(
            "SELECT set_config('lex.acted_by', %s, false), set_config('lex.role', 'admin', false)", (str(boss["id"]),)
        )
        for table in TABLES:
            if table == "api_keys":
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    acting.execute("SELECT FROM api_keys")
                continue
            column = "id" if table == "users" else "user_id"
            seen = acting.execute(f"SELECT DISTINCT {column} FROM {table}".encode()).fetchall()
            assert seen in ([], [(ada["id"],)]), table
        assert acting.execute("SELECT FROM addresses WHERE user_id = %s", (boss["id"],)).rowcount == 0
        for change in ("role = 'admin'", "password = NULL", "is_active = false"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                acting.execute(f"UPDATE users SET {change}".encode())


def test_the_audit_names_both_and_refuses_what_is_no_id(two: tuple[str, Rows, Row, Row]) -> None:
    url, rows, ada, boss = two
    with connect_as("lex_staff", url, ada["id"]) as acting:
        acting.execute("SELECT set_config('lex.acted_by', %s, false)", (str(boss["id"]),))
        assert acting.execute(CHANGE, (ada["id"],)).rowcount == 1
        acting.execute("SELECT record_audit('read', 'users', NULL, '{}')")
        acting.execute("SELECT set_config('lex.acted_by', 'nobody', false)")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            acting.execute("UPDATE addresses SET city = 'Kiel' WHERE user_id = %s", (ada["id"],))
        acting.execute("SELECT set_config('lex.acted_by', '', false)")
        assert acting.execute("UPDATE addresses SET city = 'Kiel' WHERE user_id = %s", (ada["id"],)).rowcount == 1
    told = "SELECT acted_by FROM audit_logs WHERE user_id = %s AND database_user = 'lex_staff' ORDER BY id"
    assert rows.column(told, ada["id"]) == [boss["id"], boss["id"], None]
