"""Addresses, attacked by raw SQL as a customer's connection, and the rules that hold for everybody."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.roles import connect_as
from tests.support.rows import Row, Rows


@pytest.fixture
def people(database_url: str) -> Iterator[tuple[str, Row, Row]]:
    """A database with Bob and his default address, and Ada and hers."""
    with Rows(database_url) as rows:
        found = []
        for name in (b"bob", b"ada"):
            user = rows.add("users", role="user", email_blind_index=name)
            rows.add("person_keys", user_id=user["id"])
            mark = {"is_default_billing": True, "is_default_shipping": True}
            found.append(rows.add("addresses", user_id=user["id"], **mark))
        yield database_url, found[1], found[0]


_HIS = "WHERE id = '{bob}'"
_NEW = "INSERT INTO addresses (id, user_id, recipient_name, line1, city, country{more}) VALUES (uuid_v7(), '{user}',"
_NEW += " '\\x01', '\\x01', 'Kiel', 'DE'{values})"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE addresses SET city = 'Nowhere' {_HIS}",
        f"UPDATE addresses SET deleted_at = now() {_HIS}",
        f"UPDATE addresses SET user_id = '{{ada_user}}' {_HIS}",
        "UPDATE addresses SET is_default_billing = false WHERE user_id = '{bob_user}'",
    ],
)
def test_anothers_address_is_not_there_to_be_changed(people: tuple[str, Row, Row], statement: str) -> None:
    url, ada, bob = people
    who = {"bob": bob["id"], "bob_user": bob["user_id"], "ada_user": ada["user_id"]}
    with connect_as("lex_app", url, ada["user_id"]) as connection:
        assert connection.execute("SELECT id FROM addresses").fetchall() == [(ada["id"],)]
        assert connection.execute(statement.format(**who).encode()).rowcount == 0


def test_none_is_given_away_written_in_anothers_name_or_removed_for_good(people: tuple[str, Row, Row]) -> None:
    url, ada, bob = people
    for statement in (
        f"UPDATE addresses SET user_id = '{bob['user_id']}' WHERE id = '{ada['id']}'",
        _NEW.format(user=bob["user_id"], more="", values=""),
        "DELETE FROM addresses",
    ):
        with connect_as("lex_app", url, ada["user_id"]) as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute(statement.encode())
        assert refused.value.sqlstate == "42501", statement


@pytest.mark.parametrize("role", ["lex_app", "lex_staff", "lex_worker"])
def test_there_is_one_default_of_each_kind_that_fits_its_use(people: tuple[str, Row, Row], role: str) -> None:
    url, ada, _ = people
    for more, values, rule in (
        (", is_default_billing", ", true", "uq_addresses_default_billing"),
        (", is_default_shipping", ", true", "uq_addresses_default_shipping"),
        (", is_default_shipping, type", ", true, 'billing'", "ck_addresses_default"),
        (", is_default_billing, type", ", true, 'shipping'", "ck_addresses_default"),
        (", type", ", 'castle'", "ck_address_type"),
    ):
        statement = _NEW.format(user=ada["user_id"], more=more, values=values)
        with connect_as(role, url, ada["user_id"]) as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute(statement.encode())
        assert refused.value.diag.constraint_name == rule


def test_who_was_erased_gets_none(people: tuple[str, Row, Row]) -> None:
    url, ada, _ = people
    with connect_as("lex_worker", url) as connection:
        connection.execute(
            "UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now() WHERE user_id = %s", (ada["user_id"],)
        )
        connection.commit()
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(_NEW.format(user=ada["user_id"], more="", values="").encode())
        assert refused.value.diag.constraint_name == "ck_addresses_erased"
