"""Whose rows a role sees and writes, table by table as the catalogue has them: no table can be forgotten."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from lex.core import ids
from lex.ops.schema_rights import WITHOUT_POLICIES
from tests.db.conftest import CART_TOKEN, FILE_TOKEN, OLD_TOKEN, ORDER_TOKEN, Peopled
from tests.support.roles import act, connect_as
from tests.support.rows import Rows

Connection = psycopg.Connection[Any]

_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
       array(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_OWN = "SELECT tablename, qual, with_check FROM pg_policies WHERE policyname = 'p_' || tablename || '_own' ORDER BY 1"
#: What a customer reaches by no statement at all.
CLOSED = {
    *("account_tokens", "api_keys", "blind_tokens", "data_exports", "email_changes", "erasure_requests"),
    *("passkeys", "recovery_codes"),
}


@pytest.fixture(scope="module")
def app(peopled: Peopled) -> Iterator[Connection]:
    with connect_as("lex_app", peopled.url) as connection:
        yield connection


@pytest.fixture(scope="module")
def own(peopled: Peopled) -> dict[str, str]:
    """The tables under policies and what makes a row somebody's own."""
    with Rows(peopled.url) as rows:
        found = rows.connection.execute(_OWN).fetchall()
    assert len(found) > 25
    written = {row["tablename"]: row["with_check"] for row in found if bare(row["qual"]) != bare(row["with_check"])}
    assert written.keys() == {"order_events"}
    assert "'canceled'" in written["order_events"]
    return {row["tablename"]: row["qual"] for row in found}


def bare(policy: str) -> str:
    """What a policy compares, however it reads the settings."""
    text = re.sub(r'SELECT(?= ?\(*NULLIF)|AS "nullif"|[()\s]', "", policy)
    return re.sub(r"(::\w+\[\])\1", r"\1", text)


def counts(connection: Connection, tables: Any) -> dict[str, int]:
    found = {}
    for table in tables:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        found[table] = row[0] if row else 0
    return found


def all_of(peopled: Peopled, tables: Any) -> dict[str, int]:
    with psycopg.connect(peopled.url, autocommit=True) as connection:
        return counts(connection, tables)


def test_every_table_is_under_policies_or_has_a_reason_not_to_be(peopled: Peopled) -> None:
    with Rows(peopled.url) as rows:
        tables = {row["relname"]: row for row in rows.connection.execute(_TABLES)}
    under = {name for name, row in tables.items() if row["relrowsecurity"] and row["relforcerowsecurity"]}
    assert under | WITHOUT_POLICIES.keys() == tables.keys()
    assert under & WITHOUT_POLICIES.keys() == set()
    for name in under:
        expected = {f"p_{name}_{whose}" for whose in ("own", "staff", "worker", "owner", "read")}
        assert set(tables[name]["policies"]) - {"p_reviews_published"} == expected
    assert [row["policies"] for name, row in tables.items() if name not in under and row["policies"]] == []


def test_a_table_that_names_a_person_is_under_policies(peopled: Peopled) -> None:
    with Rows(peopled.url) as rows:
        naming = rows.column(
            "SELECT table_name::text FROM information_schema.columns JOIN pg_class c ON c.relname = table_name"
            " AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
            " WHERE table_schema = 'public' AND column_name = 'user_id'"
        )
    assert set(naming) & WITHOUT_POLICIES.keys() == {"audit_logs"}


def test_policies_compare_in_ways_that_leak_nothing(own: dict[str, str]) -> None:
    for table, rows in own.items():
        assert set(re.findall(r"[-+*/<>=~!@#%^&|`?]+", rows)) == {"="}, table


def test_policies_of_what_is_listed_read_who_acts_once_a_statement(own: dict[str, str]) -> None:
    read = r"NULLIF\(current_setting\('lex\.(?:user_id|actor_key)'"
    once = rf"\( SELECT \(*{read}"
    at_each_row = {name for name, rows in own.items() if len(re.findall(read, rows)) > len(re.findall(once, rows))}
    assert at_each_row == {
        *("cart_items", "carts", "coupon_usages", "downloads", "fulfilment_items", "fulfilments", "idempotency_keys"),
        *("order_events", "order_items", "order_numbers", "order_tokens", "payment_attempts", "payment_events"),
        *("payment_references", "payments", "person_keys", "refunds"),
    }


def test_the_owner_sees_what_is_theirs(peopled: Peopled, app: Connection, own: dict[str, str]) -> None:
    act(app, peopled.owner)
    app.execute("SELECT set_config('lex.actor_key', %s, false)", (peopled.rows["idempotency_keys"]["actor_key"],))
    everything = all_of(peopled, own)
    assert counts(app, own.keys() - CLOSED) == {name: everything[name] for name in own.keys() - CLOSED} | {"users": 1}


@pytest.mark.parametrize("who", ["stranger", "nobody", "nothing"])
def test_anybody_else_sees_nothing(peopled: Peopled, own: dict[str, str], who: str) -> None:
    tables = own.keys() - CLOSED
    if who == "nothing":  # no setting was ever made on this connection
        with psycopg.connect(peopled.url, autocommit=True) as admin, connect_as("lex_app", peopled.url) as untouched:
            untouched.execute("DISCARD ALL")
            assert set(counts(untouched, tables).values()) == {0}
            assert set(counts(admin, tables).values()) & {0} == set()
        return
    with connect_as("lex_app", peopled.url, peopled.stranger if who == "stranger" else None) as connection:
        seen = counts(connection, tables)
    assert {name for name, number in seen.items() if number} == ({"users"} if who == "stranger" else set())


def test_a_guest_sees_what_the_tokens_open(peopled: Peopled, app: Connection, own: dict[str, str]) -> None:
    tables = own.keys() - CLOSED

    def seen(*tokens: bytes) -> set[str]:
        act(app, None, tokens)
        return {name for name, number in counts(app, tables).items() if number}

    of_order = {name for name in tables if "lex.orders" in own[name]}
    assert len(of_order) > 15
    assert seen(CART_TOKEN) == {"carts", "cart_items"}
    assert seen(ORDER_TOKEN) == of_order | {"person_keys"}
    assert seen(FILE_TOKEN) == {"downloads"}
    assert seen(OLD_TOKEN, b"wrong") == set()


def test_the_key_of_a_cart_opens_the_order_it_became(peopled: Peopled, app: Connection) -> None:
    with Rows(peopled.url) as rows, rows.connection.transaction(force_rollback=True):
        rows.run("UPDATE carts SET order_id = %s, status = 'placed'", peopled.order)
        opened = rows.connection.execute("SELECT * FROM opened_by(%s, now())", ([CART_TOKEN],)).fetchone()
    assert opened is not None
    assert (opened["orders"], opened["owners"]) == ([peopled.order], [peopled.owner])


@pytest.mark.parametrize("role", ["lex_staff", "lex_worker", "lex_ro"])
def test_those_who_work_there_see_everything(peopled: Peopled, own: dict[str, str], role: str) -> None:
    with connect_as(role, peopled.url) as connection:
        readable = {
            name
            for name in own
            if _value(connection, "SELECT has_any_column_privilege(%s, 'SELECT')", f"public.{name}")
        }
        assert counts(connection, readable) == all_of(peopled, readable)
    hidden = {
        "lex_staff": {
            *("account_tokens", "data_exports", "email_changes", "erasure_requests", "passkeys", "recovery_codes"),
        },
        "lex_worker": set(),
        "lex_ro": {
            *("account_tokens", "blind_tokens", "data_exports", "email_changes", "erasure_requests"),
            *("idempotency_keys", "passkeys", "person_keys", "recovery_codes"),
        },
    }
    assert own.keys() - readable == hidden[role]


def test_a_stranger_changes_and_deletes_nothing(peopled: Peopled, app: Connection, own: dict[str, str]) -> None:
    act(app, peopled.stranger)
    for table in own.keys() - CLOSED - {"users"}:
        for statement in (f"UPDATE {table} SET {_a_column(app, table)} = DEFAULT", f"DELETE FROM {table}"):
            try:
                assert app.execute(statement.encode()).rowcount == 0, statement
            except psycopg.errors.InsufficientPrivilege:
                continue


def test_a_stranger_adds_nothing_to_what_is_somebody_elses(
    peopled: Peopled, app: Connection, own: dict[str, str]
) -> None:
    """The number of an order is taken down before anybody asks whose the order is: so it is a new one."""
    act(app, peopled.stranger)
    for table in own:
        insert = sql.SQL(
            "INSERT INTO {0} SELECT (json_populate_record(NULL::{0}, to_json(%s::jsonb ||"
            """ '{{"order_number": "LEX-20260101-STRANGER"}}'))).*"""
        ).format(sql.Identifier(table))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(insert, (_as_json(peopled, table),))


def test_nobody_gives_a_row_away(peopled: Peopled, app: Connection) -> None:
    act(app, peopled.owner)
    # An open cart asks for the stranger's key first.
    for table, also in {"carts": ", status = 'merged'", "cart_items": "", "reviews": ""}.items():
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            app.execute(f"UPDATE {table} SET user_id = %s{also}".encode(), (peopled.stranger,))


def test_approved_reviews_are_everybodys_to_read(peopled: Peopled, app: Connection) -> None:
    act(app, peopled.stranger)
    with connect_as("lex_staff", peopled.url, peopled.moderator) as staff:
        staff.execute(
            "UPDATE reviews SET status = 'approved', moderated_at = now(), moderated_by = %s", (peopled.moderator,)
        )
        try:
            assert counts(app, ["reviews"]) == {"reviews": 1}
            assert app.execute("UPDATE reviews SET rating = 1").rowcount == 0
        finally:
            staff.execute("UPDATE reviews SET status = 'pending', moderated_at = NULL, moderated_by = NULL")


def test_a_reading_role_writes_nothing(peopled: Peopled, own: dict[str, str]) -> None:
    with connect_as("lex_ro", peopled.url) as connection:
        for table in own:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DELETE FROM {table}".encode())


def _value(connection: Connection, statement: str, *values: Any) -> Any:
    row = connection.execute(statement.encode(), values).fetchone()
    return row[0] if row else None


def _a_column(connection: Connection, table: str) -> str:
    """One that the role may change, or any."""
    return str(
        _value(
            connection,
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped AND attgenerated = ''"
            " ORDER BY NOT has_column_privilege(attrelid, attnum, 'UPDATE'), attnum LIMIT 1",
            f"public.{table}",
        )
    )


def _as_json(peopled: Peopled, table: str) -> str:
    """The owner's row under another id."""
    with Rows(peopled.url) as rows:
        row: dict[str, Any] = rows.one(f"SELECT to_jsonb(t) FROM {table} t LIMIT 1")
    return psycopg.types.json.Jsonb({**row, "id": str(ids.new_id())} if "id" in row else row)  # type: ignore[return-value]
