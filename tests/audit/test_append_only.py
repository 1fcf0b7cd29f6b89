"""The trail and its seals are only added to: by everyone, the owner, a superuser, and one that plays a replica."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import RestrictViolation

from lex.audit.actions import Action
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
    for action in ("insert", "update", "delete", "anything"):
        with pytest.raises(psycopg.errors.CheckViolation, match="told by the database itself"):
            trail.rows.one("SELECT record_audit(%s, 'orders', NULL, '{}')", action)


def test_the_actions_are_those_of_the_application(trail: Trail) -> None:
    source = trail.rows.one("SELECT prosrc FROM pg_proc WHERE proname = 'record_audit'")
    listed = re.findall("'([a-z_]+)'", source[source.index("ARRAY[") : source.index("])")])
    assert sorted(listed) == sorted(get_args(Action))


@pytest.mark.parametrize(
    ("resource", "resource_id", "details"),
    [("x" * 64, None, "{}"), ("", None, "{}"), ("orders", "x" * 201, "{}"), ("orders", None, f'["{"x" * 32769}"]')],
)
def test_what_is_recorded_has_its_limits(trail: Trail, resource: str, resource_id: str | None, details: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        trail.rows.one("SELECT record_audit('read', %s, %s, %s)", resource, resource_id, details)
    assert refused.value.diag.constraint_name == "ck_audit_logs_size"
    assert trail.rows.one("SELECT record_audit('read', %s, %s, %s)", "x" * 63, "y" * 200, f'["{"x" * 32000}"]')


@pytest.mark.parametrize("request_id", ["x" * 65, "two words", "line\nbreak", "\x1b[2J", "ä"])
def test_an_odd_request_id_changes_nothing(trail: Trail, request_id: str) -> None:
    for statement in ("SELECT record_audit('read', 'orders', NULL, '{}')", "UPDATE categories SET name = name || 'x'"):
        trail.changes(1)
        with trail.rows.connection.transaction(force_rollback=True):
            trail.rows.one("SELECT set_config('lex.request_id', %s, true)", request_id)
            with pytest.raises(psycopg.errors.CheckViolation, match="ck_audit_logs_request_id"):
                trail.rows.run(statement)
