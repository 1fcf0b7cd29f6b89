"""A migration of tables in use waits a moment for its locks, leaves nothing half done, and is tried again."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from lex.core.errors import Unavailable
from lex.ops import migrations
from lex.ops.drift import drift
from tests.support.rows import Rows

_POLICIES = "SELECT count(*) FROM pg_policy"
_WAITING = """
SELECT l.virtualtransaction FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND NOT l.granted AND l.mode = 'AccessExclusiveLock'
"""
PATIENCE = 60.0  # seconds in which a second attempt begins; one lasts five


@pytest.fixture
def earlier(database_url: str) -> str:
    """The revision whose way back drops tables of its own before it comes to those that people use."""
    while (last := applied(database_url)) != "20250126000023":
        assert migrations.rollback(database_url) == [last]
    return last


def applied(url: str) -> str:
    """The last revision that is applied."""
    return [one.revision for one in migrations.status(url) if one.applied][-1]


@contextmanager
def held(url: str, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody has read the table in a transaction that stays open."""
    with psycopg.connect(url) as reader:
        reader.execute(f"SELECT FROM {table}".encode())
        yield reader


def test_a_migration_kept_from_its_locks_is_tried_again(database_url: str, earlier: str) -> None:
    with ThreadPoolExecutor(1) as pool, held(database_url, "users") as reader, Rows(database_url) as rows:
        policies = rows.one(_POLICIES)
        back = pool.submit(migrations.rollback, database_url)
        attempts: set[str] = set()
        until = time.monotonic() + PATIENCE
        while len(attempts) < 2 and time.monotonic() < until:
            attempts |= set(rows.column(_WAITING))
            time.sleep(0.02)
        assert len(attempts) == 2
        assert rows.one(_POLICIES) == policies  # the first attempt took its own back
        reader.rollback()
        assert back.result() == [earlier]


def test_one_that_never_gets_them_says_so_and_leaves_nothing(
    database_url: str, earlier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_ATTEMPTS", 1)
    with held(database_url, "users"), pytest.raises(Unavailable, match="Others hold the tables") as refused:
        migrations.rollback(database_url)

    assert refused.value.code == "database_busy"
    assert applied(database_url) == earlier
    assert drift(database_url) == []
