"""Accounts, attacked by raw SQL as the application's roles."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.roles import connect_as
from tests.support.rows import Row, Rows


@pytest.fixture
def people(database_url: str) -> Iterator[tuple[str, Row, Row]]:
    """A database with Ada, who has a password and a key of a mail, and Bob."""
    hashed = "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"
    with Rows(database_url) as rows:
        bob = rows.add("users", role="user", email_blind_index=b"bob")
        ada = rows.add("users", role="user", password=hashed, email_blind_index=b"ada", email_verified_at="2026-01-01")
        rows.add("email_changes", user_id=ada["id"])
        rows.add("account_tokens", user_id=ada["id"])
        rows.add("recovery_codes", user_id=ada["id"])
        rows.add("passkeys", user_id=ada["id"])
        rows.add("sign_in_attempts")
        yield database_url, ada, bob


_CLOSED = (
    *("account_tokens", "data_exports", "email_changes", "erasure_requests", "passkeys", "recovery_codes"),
    "sign_in_attempts",
)
_ATTEMPTS = {
    "read keys of mails": "SELECT token_hash FROM account_tokens",
    "make a key": "INSERT INTO account_tokens (id, user_id, purpose, token_hash, expires_at)"
    " VALUES (uuid_v7(), '{ada}', 'reset_password', 'mine', now() + interval '1 hour')",
    "read wanted addresses": "SELECT email FROM email_changes",
    "confirm a change": "UPDATE email_changes SET new_confirmed_at = now()",
    "read recovery codes": "SELECT code_hash FROM recovery_codes",
    "make a recovery code": "INSERT INTO recovery_codes (id, user_id, code_hash) VALUES (uuid_v7(), '{ada}', 'mine')",
    "use one again": "UPDATE recovery_codes SET used_at = NULL",
    "make a proven account": "INSERT INTO users (id, role, email_verified_at) VALUES (uuid_v7(), 'user', now())",
    "read passkeys": "SELECT credential_id FROM passkeys",
    "add a passkey": "INSERT INTO passkeys (id, user_id, name, credential_id, public_key)"
    " VALUES (uuid_v7(), '{ada}', 'mine', 'mine', 'mine')",
    "take a passkey over": "UPDATE passkeys SET public_key = 'mine'",
    "turn two factors off": "UPDATE users SET two_factor_enabled = false WHERE id = '{ada}'",
    "use a code again": "UPDATE users SET two_factor_step = 0 WHERE id = '{ada}'",
    "read the counters": "SELECT subject FROM sign_in_attempts",
    "forget the counters": "DELETE FROM sign_in_attempts",
    "trust oneself": "UPDATE sign_in_attempts SET trusted_until = 'infinity'",
    "set a password": "UPDATE users SET password = NULL WHERE id = '{ada}'",
    "prove an address": "UPDATE users SET email_verified_at = now() WHERE id = '{bob}'",
    "end the rule": "DROP TRIGGER tr_users_sessions ON users",
    "change the door": "CREATE OR REPLACE FUNCTION find_login(bytea[], bytea[], bytea[], bytea[], timestamptz)"
    " RETURNS int LANGUAGE sql AS 'SELECT 1'",
}


@pytest.mark.parametrize("what", _ATTEMPTS)
@pytest.mark.parametrize("acting", ["ada", "bob"])
def test_a_customers_connection_cannot(people: tuple[str, Row, Row], what: str, acting: str) -> None:
    url, ada, bob = people
    who = {"ada": ada["id"], "bob": bob["id"]}
    with connect_as("lex_app", url, who[acting]) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(_ATTEMPTS[what].format(**who).encode())
    assert refused.value.sqlstate == "42501"


@pytest.mark.parametrize("role", ["lex_staff", "lex_ro"])
@pytest.mark.parametrize("table", _CLOSED)
def test_nor_can_those_who_work_there_or_read(people: tuple[str, Row, Row], role: str, table: str) -> None:
    with connect_as(role, people[0]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT * FROM {table}".encode())


@pytest.mark.parametrize("role", ["lex_staff", "lex_ro"])
def test_the_door_is_for_those_who_sign_in(people: tuple[str, Row, Row], role: str) -> None:
    with connect_as(role, people[0]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM find_login('{ada}', '{a}', '{b}', '{c}', now())")


def test_the_door_shows_one_account_by_its_index_and_one_row_in_any_case(people: tuple[str, Row, Row]) -> None:
    with connect_as("lex_app", people[0]) as connection:
        rows: list[Any] = [
            connection.execute("SELECT * FROM find_login(%s, '{a}', '{b}', '{c}', now())", ([index],)).fetchall()
            for index in (b"ada", b"nobody", b"", None)
        ]
    assert [len(found) for found in rows] == [1, 1, 1, 1]
    assert [found[0][0] for found in rows] == [people[1]["id"], None, None, None]


def test_whoever_changes_a_standing_has_sessions_end(people: tuple[str, Row, Row]) -> None:
    url, ada, _ = people
    changes = ("role = 'moderator'", "is_active = false", "deleted_at = now()", "locale = 'de'", "is_active = false")
    with Rows(url) as rows:
        for change in changes:
            rows.run(f"UPDATE users SET {change} WHERE id = %s", ada["id"])
        jobs = rows.column("SELECT args ->> 'user_id' FROM procrastinate_jobs WHERE task_name = 'end_sessions'")
    assert jobs == [str(ada["id"])] * 3
