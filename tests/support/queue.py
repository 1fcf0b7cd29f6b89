"""Run what waits in the queue, as a worker does, and look at it."""

from typing import Any

import psycopg
from procrastinate.worker import Worker
from psycopg.rows import dict_row

import lex.worker  # noqa: F401 - what it imports registers every job
from lex.db import jobs


async def work(database_url: str) -> None:
    """Run every job that is due until none is left; the timetable's lines stay where they are."""
    async with jobs.opened(database_url) as app:
        worker = Worker(app, queues=["default"], wait=False, install_signal_handlers=False, listen_notify=False)
        await worker.run()  # type: ignore[no-untyped-call]


def rows(database_url: str, statement: str, params: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    """Rows straight from the database."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(statement, params)
        return cursor.fetchall() if cursor.description is not None else []


def queued(database_url: str, queue: str = "default") -> list[dict[str, Any]]:
    """The jobs of a queue, in order. Whatever works also fills the `timetable`."""
    statement = "SELECT *, status::text AS status FROM procrastinate_jobs WHERE queue_name = %s ORDER BY id"
    return rows(database_url, statement, (queue,))


def make_due(database_url: str) -> None:
    """Whatever waits for a time is due now."""
    rows(database_url, "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
