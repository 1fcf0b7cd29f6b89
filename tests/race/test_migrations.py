"""`lex db migrate` while the shop is written to: the migrations get through, and so does every writer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg.errors import DeadlockDetected

from lex.ops import migrations
from lex.ops.drift import drift
from tests.support.rows import Rows

#: The last migration before rules are laid on tables that have long been written to.
BEFORE = "20250126000013"
WRITERS = 4


@pytest.fixture
def old_database_url(database_url: str) -> str:
    """A shop that was not migrated for a while."""
    while migrations.rollback(database_url)[0] > BEFORE:
        pass
    migrations.upgrade(database_url, BEFORE)
    return database_url


def test_a_shop_in_use_is_migrated(old_database_url: str) -> None:
    done = threading.Event()
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, old_database_url, done) for _ in range(WRITERS)]
        try:
            applied = migrations.upgrade(old_database_url)
        finally:
            done.set()
        written = [id for writer in writers for id in writer.result()]

    assert applied[-1] == migrations.head()
    assert len(written) >= WRITERS
    with Rows(old_database_url) as rows:
        assert set(rows.column("SELECT id FROM orders")) == set(written)
        assert set(rows.column("SELECT order_id FROM order_numbers")) == set(written)
        assert rows.one("SELECT count(*) FROM payments") == len(written)
    assert drift(old_database_url) == []


def write(url: str, done: threading.Event) -> list[Any]:
    """Orders with their payments, each in a transaction, until told to stop; a deadlock is tried again."""
    written = []
    with Rows(url) as rows:
        rows.add("users", role="user")
        rows.connection.prepare_threshold = None
        while not done.is_set() or not written:
            try:
                with rows.connection.transaction():
                    order = rows.add("orders")
                    rows.add("payments")
                written.append(order["id"])
            except DeadlockDetected:
                continue
    return written
