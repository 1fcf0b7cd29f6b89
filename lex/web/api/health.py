"""Is it alive, can it work, how is it doing: for load balancers, monitoring and Prometheus."""

import time
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.openapi.datastructures import ResponseSpec

from lex.core import clock
from lex.identity.policy import Permission
from lex.ops import health, seal_watch
from lex.web.kit import metrics
from lex.web.kit.guards import public, requires
from lex.web.kit.openapi import STAFF

_JOBS_SECONDS = 5.0


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str


class CheckView(msgspec.Struct, frozen=True):
    """One thing Lex needs: ok, degraded (it sells without) or failing."""

    name: str
    status: str
    detail: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether Lex can do its work. `status` is the worst of the checks."""

    status: str
    checks: list[CheckView]


@get("/healthz", guards=[public], tags=["system"], summary="Is this process alive", operation_id="healthz")
async def healthz() -> Alive:
    """Answers as long as the process runs; asks nothing of the database."""
    return Alive("ok")


@get(
    "/readyz",
    guards=[public],
    tags=["system"],
    summary="Can Lex do its work",
    operation_id="readyz",
    responses={
        200: ResponseSpec(Readiness, description="Ready, perhaps degraded.", generate_examples=False),
        503: ResponseSpec(Readiness, description="Something needed is missing.", generate_examples=False),
    },
)
async def readyz() -> Response[Readiness]:
    """Database, migrations, partitions ahead, Redis, the worker and the sealing of the audit.

    Redis missing and sealing that stands still degrade; anything else fails.
    """
    checks = await health.readiness()
    status = health.overall(checks)
    view = Readiness(status, [CheckView(check.name, check.status, check.detail) for check in checks])
    return Response(view, status_code=503 if status == "failing" else 200, headers={"Cache-Control": "no-store"})


class _Jobs:
    """The queue's counts and how far the audit is sealed, read at most once in a few seconds."""

    counts: dict[str, int] = {}
    sealing: seal_watch.Standing
    read_at = float("-inf")


async def _jobs() -> type[_Jobs]:
    if time.monotonic() - _Jobs.read_at > _JOBS_SECONDS:
        _Jobs.counts, _Jobs.sealing, _Jobs.read_at = (
            await health.jobs_by_status(),
            await health.sealing(),
            time.monotonic(),
        )
    return _Jobs


@get(
    "/metrics",
    guards=[requires(Permission.SYSTEM_READ, open_in_development=True)],
    security=STAFF,
    tags=["system"],
    summary="Metrics for Prometheus",
    operation_id="metrics",
    media_type=MediaType.TEXT,
    responses={
        200: ResponseSpec(
            str, description="Prometheus's text format.", media_type="text/plain", generate_examples=False
        )
    },
)
async def prometheus() -> Response[Any]:
    """Requests, their times, database connections and statements, and jobs. In production it needs `system.read`."""
    metrics.sample()
    ahead = {status.table: status.ahead for status in await health.partitions_ahead()}
    jobs = await _jobs()
    sealed_at = jobs.sealing.sealed_at
    waited = jobs.sealing.waited(clock.real_now()).total_seconds()
    text = metrics.exposition(jobs.counts, ahead, sealed_at.timestamp() if sealed_at else 0.0, waited)
    return Response(text, media_type="text/plain; version=0.0.4")


routes: list[Any] = [healthz, readyz, prometheus]
