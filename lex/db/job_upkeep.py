"""The queue looks after itself: jobs of dead workers, finished jobs, and what `lex jobs` shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row

from lex.core import clock
from lex.core.errors import Conflict, NotFound
from lex.db import jobs
from lex.db.session import reading

#: A worker silent for so long is dead; it reports every ten seconds.
SILENT = timedelta(seconds=45)

# A job that keeps killing its worker has failed in the end. One whose place in the queue was taken has too: the other
# does its work.
_RETRY_STALLED: LiteralString = """
WITH stalled AS (
    UPDATE procrastinate_jobs j
    SET attempts = attempts + 1, worker_id = NULL, scheduled_at = NULL, abort_requested = false,
        status = (CASE WHEN attempts + 1 >= %(attempts)s OR EXISTS (
            SELECT FROM procrastinate_jobs o WHERE o.queueing_lock = j.queueing_lock AND o.status = 'todo'
        ) THEN 'failed' ELSE 'todo' END)::procrastinate_job_status
    WHERE status = 'doing' AND NOT EXISTS (
        SELECT FROM procrastinate_workers w WHERE w.id = j.worker_id AND w.last_heartbeat > now() - %(silent)s)
    RETURNING id
)
INSERT INTO job_errors (job_id, error) SELECT id, 'Its worker died.' FROM stalled
ON CONFLICT (job_id) DO UPDATE SET error = excluded.error, failed_at = now()
"""

_RETRY: LiteralString = """
UPDATE procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = NULL, worker_id = NULL
WHERE id = %(id)s AND status = 'failed'
"""

_TELL: LiteralString = """
SELECT pg_notify('procrastinate_any_queue_v1',
                 json_build_object('type', 'job_inserted', 'job_id', %(id)s::bigint)::text)
"""

_DELETE_FINISHED: LiteralString = """
DELETE FROM procrastinate_jobs j
WHERE j.status IN ('succeeded', 'cancelled', 'aborted') AND NOT EXISTS (
    SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.at > %(before)s)
"""

# The timetable runs its lines again anyway: of their failures the newest says enough.
_DELETE_REPEATED: LiteralString = """
DELETE FROM procrastinate_jobs j
WHERE j.status = 'failed' AND j.task_name = ANY(%(names)s) AND EXISTS (
    SELECT FROM procrastinate_jobs n WHERE n.task_name = j.task_name AND n.status = 'failed' AND n.id > j.id)
"""

_DELETE_ERRORS: LiteralString = """
DELETE FROM job_errors e WHERE NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.id = e.job_id)
"""

_DELETE_WORKERS: LiteralString = "DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - %(silent)s"

_QUEUE: LiteralString = """
SELECT task_name AS task, status::text AS status, count(*)::int AS jobs,
       min(scheduled_at) FILTER (WHERE status = 'todo') AS next_at
FROM procrastinate_jobs GROUP BY 1, 2 ORDER BY 1, 2
"""

_FAILED: LiteralString = """
SELECT j.id, j.task_name AS task, j.status::text AS status, j.attempts, j.args, j.scheduled_at AS next_at,
       coalesce(e.error, CASE WHEN j.status = 'failed' THEN 'Nothing here runs a job of this name.' END) AS error,
       e.failed_at
FROM procrastinate_jobs j LEFT JOIN job_errors e ON e.job_id = j.id
WHERE j.status = 'failed' OR (j.status IN ('todo', 'doing') AND j.attempts > 0)
ORDER BY j.status = 'failed' DESC, j.id DESC LIMIT 200
"""

_LAST_RUNS: LiteralString = """
SELECT DISTINCT ON (d.task_name) d.task_name AS task, to_timestamp(d.defer_timestamp) AS due_at,
       j.status::text AS status,
       (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = d.job_id AND e.type <> 'scheduled') AS at
FROM procrastinate_periodic_defers d LEFT JOIN procrastinate_jobs j ON j.id = d.job_id
ORDER BY d.task_name, d.defer_timestamp DESC
"""


@dataclass(frozen=True, slots=True)
class Queued:
    """How many jobs of a task stand where; `next_at` is the first of those that wait for a time."""

    task: str
    status: str
    jobs: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Troubled:
    """A job that failed, for good or so far, and why."""

    id: int
    task: str
    status: str
    attempts: int
    args: dict[str, Any]
    next_at: datetime | None
    error: str | None
    failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastRun:
    """When a line of the timetable was last due, and what became of it."""

    task: str
    due_at: datetime
    status: str | None
    at: datetime | None


async def retry_stalled() -> int:
    """Give back the jobs of workers that died; returns how many. One that killed its worker too often has failed."""
    async with reading() as connection:
        stalled = await connection.execute(_RETRY_STALLED, {"attempts": jobs.ATTEMPTS, "silent": SILENT})
        await connection.execute(_DELETE_WORKERS, {"silent": SILENT * 10})
        return stalled.rowcount


async def delete_old(age: timedelta, timetable: Sequence[str]) -> int:
    """Delete jobs finished longer than `age` ago, and all but the newest failure of each line of the timetable."""
    async with reading() as connection, connection.transaction():
        await connection.execute("SELECT set_config('statement_timeout', '10min', true)")  # a read's is short
        finished = await connection.execute(_DELETE_FINISHED, {"before": clock.real_now() - age})
        await connection.execute(_DELETE_REPEATED, {"names": list(timetable)})
        await connection.execute(_DELETE_ERRORS)
        return finished.rowcount


async def retry(job_id: int) -> None:
    """Run a failed job again now, with all its tries. Raises `NotFound`, `Conflict` when it has not failed."""
    async with reading() as connection:
        cursor = await connection.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", (job_id,))
        found = await cursor.fetchone()
        if found is None:
            raise NotFound(f"There is no job {job_id}.", code="job_not_found")
        if found[0] != "failed":
            raise Conflict(f"Job {job_id} is {found[0]}; only a failed one is retried.", code="job_not_failed")
        try:
            await connection.execute(_RETRY, {"id": job_id})
        except psycopg.errors.UniqueViolation:
            raise Conflict(f"Job {job_id} stands in the queue again already.", code="job_waiting") from None
        await connection.execute(_TELL, {"id": job_id})  # by itself the queue tells its workers of new jobs only


async def queue() -> list[Queued]:
    """The queue by task and status."""
    async with reading() as connection, connection.cursor(row_factory=class_row(Queued)) as cursor:
        await cursor.execute(_QUEUE)
        return await cursor.fetchall()


async def troubled() -> list[Troubled]:
    """Failed jobs, then those being tried again; newest first, 200 at most."""
    async with reading() as connection, connection.cursor(row_factory=class_row(Troubled)) as cursor:
        await cursor.execute(_FAILED)
        return await cursor.fetchall()


async def last_runs() -> dict[str, LastRun]:
    """The last run of each line of the timetable that has ever run."""
    async with reading() as connection, connection.cursor(row_factory=class_row(LastRun)) as cursor:
        await cursor.execute(_LAST_RUNS)
        return {run.task: run for run in await cursor.fetchall()}
