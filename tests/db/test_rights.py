"""What the roles may do, by the live catalogue; which table it is in words stands in docs/schema/rights.md."""

import re
from pathlib import Path

import psycopg
import pytest

from lex.db.roles import LOGINS
from lex.ops import roles, schema_rights
from tests.support.roles import connect_as
from tests.support.rows import Rows

LEX = Path(__file__).parents[2] / "lex"
_TABLES = """
SELECT c.relname::text FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
#: Where a setting for the whole session is right: the connection is nobody else's and is closed after it.
OWN_CONNECTIONS = {
    "ops/dumps.py": "a restore, whose connection ends with it, runs what the dump says",
    "embedded/postgres.py": "makes the embedded server's roles",
    "ops/migrations.py": "migrates as lex_owner",
    "ops/schema_facts.py": "describes the schema",
    "ops/schema_guards.py": "describes the schema",
    "ops/schema_rights.py": "describes the schema",
    "ops/seeding/__init__.py": "loads invented orders",
}


@pytest.fixture(scope="module")
def rights(shared_database_url: str) -> dict[str, dict[str, list[str]]]:
    return schema_rights.read(shared_database_url)


def test_somebody_decided_about_every_table(rows: Rows, rights: dict[str, dict[str, list[str]]]) -> None:
    """A new table has no rights: give it a line where the others have theirs, in the migration that makes it."""
    assert set(rows.column(_TABLES)) - rights.keys() == set()
    assert [name for name, of in rights.items() if "lex_worker" not in of] == []


def test_customers_have_no_right_on_the_audit_and_nobody_writes_it(rights: dict[str, dict[str, list[str]]]) -> None:
    assert rights["audit_logs"].keys() == {"lex_staff", "lex_worker"}
    assert {word for words in rights["audit_logs"].values() for word in words} == {"read"}


@pytest.mark.parametrize("table", ["orders", "order_items", "payments", "refunds", "invoices", "order_events"])
def test_nobody_deletes_from_the_books(rights: dict[str, dict[str, list[str]]], table: str) -> None:
    assert [role for role, words in rights[table].items() if "delete" in words] == []


def test_customers_delete_only_lines_holds_and_keys(rights: dict[str, dict[str, list[str]]]) -> None:
    deletable = {name for name, of in rights.items() if "delete" in of.get("lex_app", [])}
    assert deletable == {"cart_items", "idempotency_keys", "stock_holds"}


def test_reports_only_read(rights: dict[str, dict[str, list[str]]]) -> None:
    words = {word.split(" ")[0] for of in rights.values() for word in of.get("lex_ro", [])}
    assert words == {"read"}


def test_nobody_has_more_than_the_four_rights(rights: dict[str, dict[str, list[str]]]) -> None:
    words = {word.split(" ")[0] for of in rights.values() for role in of for word in of[role]}
    assert words == {"read", "add", "change", "delete"}


def test_nothing_is_granted_on_partitions(rows: Rows) -> None:
    granted = rows.column(
        "SELECT c.relname::text FROM pg_class c, aclexplode(c.relacl) a WHERE c.relispartition AND c.relkind = 'r'"
        " AND a.grantee <> c.relowner"
    )
    assert granted == []


def test_everything_is_the_owners(rows: Rows) -> None:
    others = rows.column(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relowner <> 'lex_owner'::regrole AND relname !~ '^pg_stat_statements'"
        " UNION ALL SELECT proname::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace"
        " AND proowner <> 'lex_owner'::regrole"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    )
    assert others == []


def test_functions_that_do_more_look_nowhere_else_and_are_not_for_everybody(rows: Rows) -> None:
    found = rows.connection.execute(
        "SELECT proname::text AS name, proconfig, prorettype = 'trigger'::regtype AS is_trigger,"
        " EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee = 0)"
        " AS is_public"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    ).fetchall()
    assert {row["name"] for row in found} >= {"audit_row", "opened_by", "api_key_holder", "count_coupon_usage"}
    assert [row["name"] for row in found if "search_path=pg_catalog, pg_temp" not in (row["proconfig"] or [])] == []
    assert [row["name"] for row in found if row["is_public"] and not row["is_trigger"]] == []


@pytest.mark.parametrize("role", LOGINS)
def test_a_role_is_no_more_than_it_is(shared_database_url: str, role: str) -> None:
    roles.ensure(shared_database_url)  # a clone has the tables' rights, not the database's
    with connect_as(role, shared_database_url) as connection:
        told = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit, rolreplication FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        assert told == (False,) * 6
        for statement in (
            "CREATE TABLE public.mine (id int)",
            "CREATE TEMPORARY TABLE mine (id int)",
            "SET ROLE lex_owner",
            f"SET ROLE {'lex_app' if role != 'lex_app' else 'lex_staff'}",
            "SET session_replication_role = replica",
            "TRUNCATE orders",
            "ALTER TABLE orders DISABLE TRIGGER ALL",
            "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY",
            "DROP POLICY p_orders_own ON orders",
            "INSERT INTO audit_logs SELECT * FROM audit_logs",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_settings_end_with_their_transaction() -> None:
    """Behind a pooler a setting of the session would be the next customer's."""
    of_session = re.compile(r"""set_config\([^()]*,\s*false\)|["';]\s*SET\s+(?!LOCAL\b|CONSTRAINTS\b)[A-Za-z]""")
    found = {
        path.relative_to(LEX).as_posix() for path in LEX.rglob("*.py") if of_session.search(path.read_text("utf-8"))
    }
    assert found - OWN_CONNECTIONS.keys() == set()
    assert OWN_CONNECTIONS.keys() - found == set()
