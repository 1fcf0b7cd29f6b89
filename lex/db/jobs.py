"""Jobs: work that commits or rolls back with the change that caused it, and runs a moment later.

`defer` puts a job into PostgreSQL inside the caller's transaction, in one statement. A job is known by its name, so a
lower floor can ask for work that a flow does: the flow registers the function with `@job("name")`, and the worker
imports the flows. Arguments are ids, never personal data. A job may run more than once and must not mind.

A job that fails is tried again after 5 s, 30 s, 2 min … (`DELAYS`); after that it stays as failed, with its last
error, until somebody retries it (`lex jobs`).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any, LiteralString, TypeVar, get_type_hints
from uuid import UUID

import msgspec
import procrastinate
import structlog
from procrastinate.connector import Notify
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from lex.core import actor, clock
from lex.core.ids import usable_request_id
from lex.db import job_errors, roles, sql
from lex.db.session import Session

_log = structlog.get_logger(__name__)

Id = UUID | str | int
Work = TypeVar("Work", bound=Callable[..., Awaitable[object]])

#: Waits before the second, third … try. Each is lengthened by up to a fifth, so that a burst does not come back as one.
DELAYS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600, 3 * 3600, 8 * 3600))

#: The first try and one after each delay.
ATTEMPTS = len(DELAYS) + 1

#: The queue of the timetable's lines; everything else goes through `default`.
TIMETABLE = "timetable"

#: A worker that was down catches up on a daily task it missed by less than this.
_CATCH_UP = timedelta(hours=25)

#: Where a job is inserted; a statement that writes a row and its job in one round trip begins with it too.
COLUMNS: LiteralString = "procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)"

#: The request a job is the consequence of: its changes carry the same id in the audit.
CAUSE: LiteralString = "jsonb_build_object('request_id', nullif(current_setting('lex.request_id', true), ''))"

_DEFER: LiteralString = f"""
INSERT INTO {COLUMNS}
VALUES ('default', %(task)s, %(priority)s, %(lock)s, %(queueing_lock)s, %(args)s::jsonb || {CAUSE}, %(at)s)
ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
RETURNING id
"""

#: What Procrastinate's worker hears when a job was put in.
_LOOK = '{"type": "job_inserted"}'

#: The jobs of a statement that enters a row and what follows from it: parameters `tasks`, `args`, `times` of `several`.
SEVERAL: LiteralString = f"""
INSERT INTO {COLUMNS}
SELECT 'default', task, 0, NULL, NULL, args || {CAUSE}, at
FROM unnest(%(tasks)s::text[], %(args)s::jsonb[], %(times)s::timestamptz[]) AS job (task, args, at)
"""


class Listening(procrastinate.PsycopgConnector):
    """Any login may NOTIFY. So a message, whatever it says, means no more than: look into the queue. Words that are
    none stop no listener, and nobody has a running job broken off: what is to end says so in its row.
    """

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Hear what comes over the channels, until canceled."""

        async def heard(*, channel: str, **_: str) -> None:
            await on_notification(channel=channel, payload=_LOOK)

        await super().listen_notify(on_notification=heard, channels=channels)


app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(),
    periodic_defaults={"max_delay": _CATCH_UP.total_seconds()},
)


class Growing(BaseRetryStrategy):
    """Try again after a growing delay, `ATTEMPTS` times in all; at once when the worker was told to stop."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When to try again, or None when the job has failed for good."""
        now = clock.real_now()
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_at=now)
        if job.attempts >= len(DELAYS):
            return None
        return RetryDecision(retry_at=now + DELAYS[job.attempts] * random.uniform(1, 1.2))


#: What a customer's work may ask for: the database refuses it every other job (`guard_job`, a test compares them).
for_customers: set[str] = set()


def job(name: str, *, customers: bool = False) -> Callable[[Work], Work]:
    """Register `async def work(who: Actor, *, some_id: UUID, …)` as what runs for `name`.

    With `customers` the work of customers and guests defers it too: whatever its arguments, it does no more than they
    may ask for. `who` is the system under the request id of the cause. Arguments are converted to the types the
    function declares.
    """

    def register(work: Work) -> Work:
        if customers:
            for_customers.add(name)
        hints = get_type_hints(work)
        takes = {key: hints[key] for key in list(signature(work).parameters)[1:]}

        async def run(context: procrastinate.JobContext, /, **args: Any) -> None:
            given = {key: msgspec.convert(args[key], kind) for key, kind in takes.items() if key in args}
            await _run(context, actor.system(usable_request_id(args.get("request_id"))), lambda who: work(who, **given))

        app.task(name=name, pass_context=True, retry=Growing())(run)
        return work

    return register


def timed(name: str, cron: str, work: Callable[[actor.Actor], Awaitable[object]], *, alone: bool = True) -> None:
    """Register a line of the timetable: `work` runs whenever `cron` (UTC) says.

    It waits in the queue at most once and, when `alone`, runs at most once at a time. It is not tried again: its next
    time is its next try.
    """

    async def run(context: procrastinate.JobContext, /, timestamp: int) -> None:  # noqa: ARG001
        await _run(context, actor.system(), work)

    lock = name if alone else None
    task = app.task(name=name, queue=TIMETABLE, pass_context=True, lock=lock, queueing_lock=name)(run)
    app.periodic_registry.register_task(
        task=task, cron=cron, periodic_id="", configure_kwargs={"lock": lock, "queueing_lock": name}
    )


def next_time(name: str, after: datetime) -> datetime:
    """When a registered line of the timetable is due next."""
    line = app.periodic_registry.periodic_tasks[name, ""]
    return datetime.fromtimestamp(line.croniter.get_next(ret_type=float, start_time=after.timestamp()), UTC)


async def _run(
    context: procrastinate.JobContext, who: actor.Actor, work: Callable[[actor.Actor], Awaitable[object]]
) -> None:
    """Run a job under its request id; what goes wrong is logged and kept before the queue hears of it."""
    job = context.job
    with structlog.contextvars.bound_contextvars(
        request_id=who.request_id, job=job.task_name, job_id=job.id, attempt=job.attempts + 1
    ):
        try:
            result = await work(who)
        except Exception as error:
            await job_errors.keep(job.id, error)
            raise
        _log.debug("job done", result=result if isinstance(result, int) else None)


async def defer(
    session: Session,
    task: str,
    *,
    schedule_at: datetime | None = None,
    lock: str | None = None,
    queueing_lock: str | None = None,
    priority: int = 0,
    **ids: Id,
) -> int | None:
    """Put a job into the queue within the caller's transaction; it runs after the commit, not before `schedule_at`.

    `schedule_at` is real time. Of jobs with one `lock` only one runs at a time, in their order. While a job with the
    same `queueing_lock` waits no second one is added, and None is returned. One statement.
    """
    params = _params(task, schedule_at, lock, queueing_lock, priority, ids)
    return await sql.fetch_value(session, _DEFER, **params)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Later:
    """A job to defer: its name, its arguments and when it is due; at once without `at`, which is real time."""

    task: str
    ids: Mapping[str, Id]
    at: datetime | None = None


async def defer_on(connection: AsyncConnection[Any], later: Later) -> None:
    """The same on a connection that is no session's: for adapters that keep books of their own."""
    await connection.execute(_DEFER, _params(later.task, later.at, None, None, 0, later.ids))


def several(jobs: Sequence[Later]) -> dict[str, Any]:
    """The parameters of `SEVERAL`."""
    return {
        "tasks": [job.task for job in jobs],
        "args": [Jsonb(job.ids) for job in jobs],
        "times": [job.at for job in jobs],
    }


def _params(
    task: str, at: datetime | None, lock: str | None, queueing_lock: str | None, priority: int, ids: Mapping[str, Id]
) -> dict[str, Any]:
    args = Jsonb({key: str(value) if isinstance(value, UUID) else value for key, value in ids.items()})
    return {
        "task": task,
        "priority": priority,
        "lock": lock,
        "queueing_lock": queueing_lock,
        "args": args,
        "at": at,
    }


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[procrastinate.App]:
    """The queue of a database (DATABASE_URL), for a worker or for `lex jobs`. `defer` needs none of this."""
    connector = Listening(
        conninfo=roles.url_of(roles.WORKER, url), min_size=1, max_size=4, kwargs={"application_name": "lex-jobs"}
    )
    with app.replace_connector(connector):
        await connector.open_async()
        try:
            yield app
        finally:
            await connector.close_async()
