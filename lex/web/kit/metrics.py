"""What Prometheus reads: requests, their time, the database's pools and statements.

With several web processes each writes its numbers to files in `PROMETHEUS_MULTIPROC_DIR` (`ops/metrics_folder` sets it
before they start), and whichever answers `/metrics` adds them up.
"""

import os
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from lex.adapters import cached
from lex.db.session import CountingCursor, database

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

registry = CollectorRegistry()
_requests = Counter("lex_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry)
_seconds = Histogram(
    "lex_http_request_seconds", "Time to answer.", ("method", "route"), buckets=_BUCKETS, registry=registry
)
_statements = Counter("lex_db_statements", "SQL statements sent.", registry=registry)
_cached = Counter(
    "lex_cache_reads",
    "Documents asked of the cache.",
    ("kind", "outcome"),
    registry=registry,
)
_connections = Gauge(
    "lex_db_connections",
    "Database connections of the web processes.",
    ("pool", "state"),
    multiprocess_mode="livesum",
    registry=registry,
)


class _Seen:
    """How far counts were carried over; they only grow."""

    statements = 0
    cached: dict[tuple[str, str], int] = {}


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request. `route` is the template, never the address: addresses hold names and tokens."""
    answered, took = _series(method, route, status)
    answered.inc()
    took.observe(seconds)


@lru_cache(maxsize=1024)
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Looking them up by their labels costs more than counting."""
    return _requests.labels(method, route, str(status)), _seconds.labels(method, route)


def sample() -> None:
    """Carry over what the database's pools and cursors know; called every few seconds and before each answer."""
    sent = CountingCursor.sent
    _statements.inc(max(sent - _Seen.statements, 0))
    _Seen.statements = sent
    for (kind, outcome), times in cached.outcomes.items():
        _cached.labels(kind, outcome).inc(max(times - _Seen.cached.get((kind, outcome), 0), 0))
        _Seen.cached[kind, outcome] = times
    pools = database()
    reads = pools.reads.get_stats()
    size, idle = reads.get("pool_size", 0), reads.get("pool_available", 0) + pools.quick.idle + pools.lanes.idle
    _connections.labels("reads", "used").set(size - idle)
    _connections.labels("reads", "idle").set(idle)
    writes = pools.transactions.values()
    _connections.labels("transactions", "used").set(sum(pool.used for pool in writes))
    _connections.labels("transactions", "idle").set(sum(pool.idle for pool in writes))


def exposition(jobs: dict[str, int], ahead: dict[str, int], sealed_at: float, unsealed_seconds: float) -> bytes:
    """All metrics in Prometheus's text format. The same for every process are `jobs`, the queue's jobs by status,
    `ahead`, the partitions by table, the time of the audit's last seal, and how long a row waits for the next.
    """
    extra = CollectorRegistry()
    gauge = Gauge("lex_jobs", "Jobs in the queue by status.", ("status",), registry=extra)
    for status, count in jobs.items():
        gauge.labels(status).set(count)
    periods = Gauge("lex_partitions_ahead", "Partitions that begin in the future.", ("table",), registry=extra)
    for table, number in ahead.items():
        periods.labels(table).set(number)
    Gauge("lex_audit_sealed_timestamp_seconds", "When the audit was sealed last.", registry=extra).set(sealed_at)
    waits = Gauge("lex_audit_unsealed_seconds", "How long the oldest row waits for its seal.", registry=extra)
    waits.set(unsealed_seconds)
    return generate_latest(_collected()) + generate_latest(extra)


def _collected() -> CollectorRegistry:
    if _FOLDER not in os.environ:
        return registry
    collected = CollectorRegistry()
    MultiProcessCollector(collected)  # type: ignore[no-untyped-call]
    return collected


def leave() -> None:
    """This process ends: its connections no longer count."""
    if _FOLDER in os.environ:
        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
