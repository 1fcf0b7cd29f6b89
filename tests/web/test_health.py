"""Alive, ready, and how it is doing."""

import re
from datetime import timedelta

import psycopg
import pytest

from lex.core import clock, ids
from lex.core.settings import settings
from lex.ops import partitions, sealing
from lex.web.api.health import _Jobs
from tests.audit.conftest import RING, others_are_done
from tests.support.rows import Rows
from tests.web.conftest import Client


async def checks(client: Client) -> tuple[int, dict[str, tuple[str, str]], str]:
    """Status code, check → (status, detail), overall."""
    answer = await client.get("/readyz")
    body = answer.json()
    found = {check["name"]: (check["status"], check["detail"]) for check in body["checks"]}
    return answer.status_code, found, body["status"]


async def test_alive_asks_nothing(client: Client) -> None:
    answer = await client.get("/healthz")
    assert answer.json() == {"status": "ok"}


def report_worker(database_url: str, ago: str) -> None:
    """A worker that was last heard of some time ago."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM procrastinate_workers")
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s::interval)", (ago,))


async def test_ready_when_everything_is_there(client: Client, database_url: str) -> None:
    report_worker(database_url, "3 seconds")
    status, found, overall = await checks(client)
    assert (status, overall) == (200, "ok"), found
    assert set(found) == {"database", "migrations", "partitions", "redis", "sealing", "worker"}
    assert found["database"][1].startswith("PostgreSQL ")


async def test_without_redis_it_is_degraded(
    client: Client, database_url: str, web_settings: pytest.MonkeyPatch
) -> None:
    report_worker(database_url, "3 seconds")
    web_settings.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    status, found, overall = await checks(client)
    assert (status, overall) == (200, "degraded")
    assert found["redis"] == ("degraded", "Redis does not answer; the shop sells without it.")


async def test_without_a_worker_it_is_not_ready(client: Client, database_url: str) -> None:
    status, found, _ = await checks(client)
    assert status == 503
    assert found["worker"][0] == "failing"
    report_worker(database_url, "10 minutes")
    status, found, _ = await checks(client)
    assert status == 503
    assert "600 s ago" in found["worker"][1]


async def test_an_old_schema_is_not_ready(client: Client, database_url: str) -> None:
    report_worker(database_url, "1 second")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '20250126000001'")
    status, found, overall = await checks(client)
    assert (status, overall) == (503, "failing")
    assert "lex db migrate" in found["migrations"][1]


def drop_partitions(database_url: str, table: str, keep: int) -> None:
    """Leave some of the partitions that lie ahead, as if the daily job had not been running."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        names = [partition.name for partition in partitions.list_partitions(database_url) if partition.table == table]
        ahead = next(status.ahead for status in partitions.status(database_url) if status.table == table)
        for name in names[len(names) - ahead + keep :]:
            connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name}".encode())
            connection.execute(f"DROP TABLE {name}".encode())


@pytest.mark.parametrize("table", ["orders", "audit_logs"])
async def test_few_partitions_ahead_are_an_alert(client: Client, database_url: str, table: str) -> None:
    report_worker(database_url, "1 second")
    drop_partitions(database_url, table, 2)
    assert (await checks(client))[0] == 200
    drop_partitions(database_url, table, 1)
    status, found, overall = await checks(client)
    assert (status, overall, found["partitions"][0]) == (503, "failing", "failing")
    assert "run lex jobs run ensure_partitions" in found["partitions"][1]
    text = (await client.get("/metrics")).text
    assert f'lex_partitions_ahead{{table="{table}"}} 1.0' in text
    partitions.ensure(database_url)
    assert (await checks(client))[0] == 200


async def test_sealing_that_stands_still_degrades(
    client: Client, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Jobs, "read_at", float("-inf"))
    report_worker(database_url, "1 second")
    long_ago = ids.floor_id(clock.real_now() - timedelta(minutes=11))
    with Rows(database_url) as rows:
        rows.run(
            """INSERT INTO audit_logs (id, created_at, action, resource, changes)
            VALUES (%s, uuid_v7_time(%s), 'read', 'x', '{}')""",
            *(long_ago, long_ago),
        )
        status, found, overall = await checks(client)
        assert (status, overall, found["sealing"][0]) == (200, "degraded", "degraded")
        assert "are not sealed; nothing was sealed yet. Look at the worker" in found["sealing"][1]
        text = (await client.get("/metrics")).text
        (waited,) = re.findall(r"^lex_audit_unsealed_seconds (\S+)$", text, re.MULTILINE)
        assert float(waited) >= 660
        assert "lex_audit_sealed_timestamp_seconds 0.0" in text
        others_are_done(rows)
        assert sealing.seal(database_url, RING) >= 1
    assert (await checks(client))[1]["sealing"][0] == "ok"


async def test_metrics_count_by_route(client: Client, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Jobs, "read_at", float("-inf"))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'any')")
    await client.get("/api/v1/probe/gone")
    text = (await client.get("/metrics")).text
    assert 'lex_http_requests_total{method="GET",route="/api/v1/probe/{what}",status="410"}' in text
    assert 'lex_http_request_seconds_bucket{le="0.1",method="GET",route="/api/v1/probe/{what}"}' in text
    assert 'lex_db_connections{pool="reads",state="idle"}' in text
    assert "lex_db_statements_total" in text
    assert 'lex_jobs{status="todo"}' in text
