"""The trail and its seals are only added to: by everyone, the owner, a superuser, and one that plays a replica."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import RestrictViolation

from tests.audit.conftest import Trail


@contextmanager
def somebody(url: str, *, replica: bool = False) -> Iterator[psycopg.Connection[Any]]:
    """A connection; one that plays a replica has common triggers resting."""
    with psycopg.connect(url, autocommit=True) as connection:
        if replica:
            connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.mark.parametrize("table", ["audit_logs", "audit_seals"])
def test_nobody_changes_deletes_or_empties(trail: Trail, table: str) -> None:
    trail.changes()
    trail.seal()
    for url, replica in ((trail.url, False), (trail.superuser_url, False), (trail.superuser_url, True)):
        with somebody(url, replica=replica) as connection:
            for statement in ("UPDATE {} SET created_at = created_at", "DELETE FROM {}", "TRUNCATE {}"):
                with pytest.raises(RestrictViolation, match=f"on {table} is forbidden"):
                    connection.execute(statement.format(table).encode())


def test_a_replica_does_not_write_unheard(trail: Trail) -> None:
    slug = str(uuid4())
    with somebody(trail.superuser_url, replica=True) as connection:
        connection.execute(
            "INSERT INTO categories (id, slug, name, path) VALUES (uuid_v7(), %s, 'x', %s)", (slug, slug)
        )
    told = "SELECT count(*) FROM audit_logs WHERE resource = 'categories' AND changes -> 'new' ->> 'slug' = %s"
    assert trail.rows.one(told, slug) == 1


def test_a_change_of_a_row_cannot_be_invented(trail: Trail) -> None:
    made = trail.rows.one("SELECT record_audit('export', 'products', NULL, '{}')")
    assert trail.rows.one("SELECT action FROM audit_logs WHERE id = %s", made) == "export"
    for action in ("insert", "update", "delete"):
        with pytest.raises(psycopg.errors.CheckViolation, match="audited by the database itself"):
            trail.rows.one("SELECT record_audit(%s, 'orders', NULL, '{}')", action)
