"""A search of the trail uses the index of its filter and reads the months of its time alone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from lex.audit.queries import AuditFilter, question
from lex.core import clock, ids
from lex.ops.partitions import audit_partition
from tests.conftest import temporary_database
from tests.support.cluster import Cluster

_ROWS = """
INSERT INTO audit_logs (id, created_at, user_id, action, resource, resource_id, changes)
SELECT id, uuid_v7_time(id), ('00000000-0000-7000-8000-' || lpad(to_hex(n %% 500), 12, '0'))::uuid,
    CASE n %% 100 WHEN 0 THEN 'read' WHEN 1 THEN 'delete' ELSE 'insert' END,
    CASE n %% 4000 WHEN 7 THEN 'rare' ELSE 'table' || n %% 20 END, n %% 3000, '{}'
FROM generate_series(1, 12000) n CROSS JOIN LATERAL (
    SELECT (lpad(to_hex(%(start)s + n * 1000), 12, '0') || '7' || lpad(to_hex(n), 19, '8'))::uuid AS id) made
"""
SOMEBODY = UUID("00000000-0000-7000-8000-000000000007")
Database = psycopg.Connection[dict[str, Any]]


def months() -> list[datetime]:
    """The beginnings of this month and the two after it."""
    first = audit_partition(clock.real_now().astimezone(UTC))
    second = audit_partition(first.end)
    return [first.start, second.start, second.end]


@pytest.fixture(scope="module")
def trail(cluster: Cluster, template: str) -> Iterator[Database]:
    """Twelve thousand entries in each of three months."""
    for url in temporary_database(cluster, template):
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            for start in months():
                connection.execute(_ROWS, {"start": int(start.timestamp() * 1000)})
            connection.execute("ANALYZE audit_logs")
            yield connection


def plan(trail: Database, wanted: AuditFilter) -> tuple[set[str], set[str]]:
    """Names of the parents' indexes, and of the partitions that are read."""
    statement, params = question(wanted)
    row = trail.execute("EXPLAIN (COSTS OFF) " + statement, params).fetchall()  # type: ignore[call-overload]
    text = "\n".join(line["QUERY PLAN"] for line in row)
    parents = {
        found["child"]: found["parent"]
        for found in trail.execute(
            "SELECT inhrelid::regclass::text AS child, inhparent::regclass::text AS parent FROM pg_inherits"
        )
    }
    used = {parents[name] for name in re.findall(r"audit_logs_p\d{6}_\w+", text) if name in parents}
    assert "Seq Scan" not in text, text
    return used, set(re.findall(r"audit_logs_p\d{6}\b", text))


@pytest.mark.parametrize(
    ("given", "index"),
    [
        ({}, "pk_audit_logs"),
        ({"user_id": SOMEBODY}, "idx_audit_logs_user_id"),
        ({"action": "read"}, "idx_audit_logs_action"),
        ({"action": "insert"}, "pk_audit_logs"),
        ({"resource": "table7", "resource_id": "7"}, "idx_audit_logs_resource"),
        ({"user_id": SOMEBODY, "resource": "table7"}, "idx_audit_logs_user_id"),
        ({"user_id": SOMEBODY, "action": "insert"}, "idx_audit_logs_user_id"),
        ({"resource": "table7", "resource_id": "7", "action": "insert"}, "idx_audit_logs_resource"),
        ({"resource": "table7"}, "pk_audit_logs"),
        ({"resource": "rare"}, "idx_audit_logs_resource"),
        ({"action": "read", "resource": "table7"}, "idx_audit_logs_action"),
    ],
)
def test_a_month_is_searched_by_the_index_of_its_filter(trail: Database, given: dict[str, Any], index: str) -> None:
    start = months()[1]
    used, partitions = plan(trail, AuditFilter(**given, since=start, until=months()[2]))
    assert used == {index}
    assert partitions == {f"audit_logs_p{start:%Y%m}"}


def test_a_day_across_two_months_reads_those_two(trail: Database) -> None:
    first, second, _ = months()
    _, partitions = plan(trail, AuditFilter(since=second - timedelta(hours=1), until=second + timedelta(hours=1)))
    assert partitions == {f"audit_logs_p{first:%Y%m}", f"audit_logs_p{second:%Y%m}"}


def test_the_bounds_lose_nothing(trail: Database) -> None:
    start = months()[1]
    low, high = ids.id_bounds(start, months()[2])
    row = trail.execute("SELECT count(*) AS number FROM audit_logs WHERE id >= %s AND id < %s", (low, high)).fetchone()
    assert row == {"number": 12000}
