"""The worker: `python -m lex.worker` runs the jobs and keeps the timetable.

It stops gracefully on SIGTERM and SIGINT: no new job is begun, running ones get 20 seconds, what is still running then
goes back into the queue. When the database goes away it waits for it. Its heartbeat is what /readyz looks at.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from lex.adapters import cached
from lex.adapters.payments import registry
from lex.carts import commands as carts
from lex.core.actor import Actor
from lex.core.errors import Unavailable
from lex.core.settings import Settings, settings
from lex.db import idempotency, job_upkeep, jobs, session
from lex.flows import (
    adopt_orders,
    cancel_order,
    fetch_pictures,
    find_order,
    grant_downloads,
    purge_deleted,
    receive_webhook,
    refresh_payment,
    refund_order,
    send_notification,
)
from lex.flows.accounts import ending, expire, recover, second_factor, sign_in
from lex.flows.own_data import erasure, export
from lex.identity import keyring, logins, sessions
from lex.ops import logs, partitions, sealing, searching

_GRACE = 20.0  # seconds running jobs get to finish
_HEARTBEAT = 10.0
_PAUSE = 2.0  # seconds before the database is tried again
_BATCH = 500  # rows that housekeeping takes at once

_log = structlog.get_logger("lex.worker")

#: Modules that register jobs; importing them is what makes their jobs runnable.
MODULES = (
    *(registry, cancel_order, fetch_pictures, find_order, grant_downloads, receive_webhook, send_notification),
    *(adopt_orders, ending, recover, second_factor, sign_in, export, erasure),
)


@dataclass(frozen=True, slots=True)
class Timed:
    """One line of the timetable. `cron` is UTC; `work` gets the system as actor and runs once at a time if `alone`."""

    name: str
    cron: str
    about: str
    work: Callable[[Actor], Awaitable[object]]
    alone: bool = True


def _in_batches(work: Callable[[session.Session, int], Awaitable[int]]) -> Callable[[Actor], Awaitable[int]]:
    """However much has piled up, no statement takes longer than one may."""

    async def run(who: Actor) -> int:
        done = 0
        while batch := await session.transact(who, lambda open_session: work(open_session, _BATCH)):
            done += batch
        return done

    return run


async def _ensure_partitions(_: Actor) -> list[str]:
    url = settings().database_url
    for status in await asyncio.to_thread(partitions.status, url):
        if status.is_short:
            _log.error("partitions ran short", table=status.table, ahead=status.ahead, until=f"{status.until:%Y-%m-%d}")
    return await asyncio.to_thread(partitions.ensure, url)


async def _seal_audit(_: Actor) -> int:
    return await asyncio.to_thread(_seal, settings())


def _seal(config: Settings) -> int:
    rows = sealing.seal(config.database_url, keyring.audit_keys(config))
    sealing.copy_seals(config.database_url, config.home_path / sealing.COPY_NAME)
    return rows


async def _count_words(_: Actor) -> int:
    return await asyncio.to_thread(searching.count_words, settings().database_url)


TIMETABLE: tuple[Timed, ...] = (
    Timed(
        *("expire_orders", "* * * * *", "Cancel unpaid orders past their time and give back what they hold."),
        lambda _: cancel_order.expire_unpaid_orders(),
    ),
    Timed(
        *("reconcile_payments", "* * * * *", "Ask providers about payments nobody has heard of for two minutes."),
        lambda _: refresh_payment.reconcile_attempts(),
    ),
    Timed(
        *("resume_refunds", "* * * * *", "Ask again for refunds whose result nobody knows after two minutes."),
        lambda _: refund_order.resume_refunds(),
    ),
    Timed("seal_audit", "* * * * *", "Seal the rows of the audit trail that are all there.", _seal_audit),
    Timed(
        *("retry_stalled_jobs", "* * * * *", "Give the jobs of dead workers back to the queue."),
        lambda _: job_upkeep.retry_stalled(),
        alone=False,  # its own lock would keep it from freeing itself
    ),
    Timed(
        *("prune_catalogue_changes", "*/5 * * * *", "Replace many marks of catalogue changes by one."),
        lambda _: cached.prune(),
    ),
    Timed(
        *("resend_notifications", "*/10 * * * *", "Send pending notifications that lost their job."),
        lambda _: send_notification.resend_missed(),
    ),
    Timed("remove_exports", "7 * * * *", "Remove copies of people's data past their time.", export.remove_exports),
    Timed("erase_due", "37 * * * *", "Erase who asked for it and whose waiting time is over.", erasure.erase_due),
    Timed("expire_carts", "17 * * * *", "Close guest carts past their time.", _in_batches(carts.expire_carts)),
    Timed("ensure_partitions", "25 2 * * *", "Make the partitions of the next periods.", _ensure_partitions),
    Timed("count_search_words", "30 2 * * *", "Count the words of what is on offer.", _count_words),
    Timed("purge", "50 2 * * *", "Remove for good what is past its time.", purge_deleted.purge),
    Timed(
        "delete_expired_keys",
        "35 2 * * *",
        "Delete idempotency keys past their time.",
        _in_batches(idempotency.delete_expired),
    ),
    Timed(
        *("expire_sign_ups", "55 2 * * *", "Let accounts go whose address nobody confirmed."), expire.expire_sign_ups
    ),
    Timed(
        "forget_attempts",
        "40 2 * * *",
        "Drop the counters of attempts to sign in that are over.",
        _in_batches(logins.forget_attempts),
    ),
    Timed(
        *("delete_old_jobs", "45 * * * *", "Delete finished jobs past their time; failed ones stay."),
        lambda _: job_upkeep.delete_old(timedelta(days=settings().job_days), [line.name for line in TIMETABLE]),
    ),
)


def register() -> None:
    """Make the timetable's lines jobs of the queue. Each waits at most once and runs at most once at a time."""
    for line in TIMETABLE:
        if line.name not in jobs.app.tasks:
            jobs.timed(line.name, line.cron, line.work, alone=line.alone)


async def run(worker_made: Callable[[Worker], None] = lambda _: None) -> None:
    """Work until `stop` of the worker last handed to `worker_made`; comes back from a lost database by itself."""
    register()
    await job_upkeep.retry_stalled()
    async with jobs.opened(settings().database_url) as app:
        worker = _worker(app)
        worker_made(worker)
        await worker.run()  # type: ignore[no-untyped-call]


def _worker(app: procrastinate.App) -> Worker:
    return Worker(
        app,
        name="lex",
        concurrency=settings().worker_concurrency,
        shutdown_graceful_timeout=_GRACE,
        install_signal_handlers=False,
        update_heartbeat_interval=_HEARTBEAT,
        stalled_worker_timeout=job_upkeep.SILENT.total_seconds(),
    )


async def main() -> None:
    """Open the database, work, and start again whenever the work broke off without being told to stop."""
    logs.configure(settings())
    stopping = asyncio.Event()
    current: list[Worker] = []

    def stop() -> None:
        stopping.set()
        for worker in current:
            worker.stop()  # type: ignore[no-untyped-call]

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await session.connect(settings().database_url, pool_size=settings().worker_concurrency + 1)
    if settings().redis_url:
        sessions.connect(settings().redis_url)
    _log.info("worker started", concurrency=settings().worker_concurrency)
    while not stopping.is_set():
        current.clear()
        try:
            await run(current.append)
        except (ConnectorException, psycopg.Error, Unavailable, OSError) as error:
            _log.warning("worker lost the database", error=type(error).__name__)
        if not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _PAUSE)
    await sessions.disconnect()
    await session.disconnect()
    _log.info("worker stopped")


if __name__ == "__main__":
    asyncio.run(main())
