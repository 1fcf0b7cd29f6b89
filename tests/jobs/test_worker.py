"""The worker as a process of its own, the timetable, and `lex jobs`."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from lex import worker
from lex.adapters.payments import sandbox, sandbox_events
from lex.cli import jobs as cli
from lex.core import actor, ids
from lex.db import job_upkeep, jobs, session
from lex.flows import receive_webhook, send_notification
from lex.notifications.commands import SEND
from tests.support.queue import queued, rows
from tests.support.roles import connect_as

WAIT = 30.0


@asynccontextmanager
async def running() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "lex.worker", env={**os.environ})
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(true: Any) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.1)


async def test_a_worker_reports_runs_jobs_and_stops_when_told(database: str) -> None:
    async with session.transaction(actor.system()) as open_session:
        await jobs.defer(open_session, SEND, notification_id=ids.new_id())
    async with running() as process:
        await until(lambda: rows(database, "SELECT FROM procrastinate_workers"))
        await until(lambda: any(j["task_name"] == SEND and j["status"] == "succeeded" for j in queued(database)))
        await until(lambda: any(j["task_name"] == "expire_orders" for j in queued(database, "timetable")))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), WAIT) == 0
    assert rows(database, "SELECT FROM procrastinate_workers") == [], "it signs off"


async def test_a_worker_waits_for_its_database(database: str) -> None:
    async with running() as process:
        await until(lambda: rows(database, "SELECT FROM procrastinate_workers"))
        with connect_as("lex_worker", database) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        rows(
            database,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', %s, "
            "jsonb_build_object('notification_id', uuid_v7()))",
            (SEND,),
        )
        await until(lambda: any(j["task_name"] == SEND and j["status"] == "succeeded" for j in queued(database)))
        assert process.returncode is None


async def test_whoever_notifies_the_worker_says_no_more_than_look(database: str) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(*, channel: str, notification: Any) -> None:
        await heard.put(notification)

    asks = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND starts_with(query, 'LISTEN ')"
    async with jobs.opened(database) as app:
        listening = asyncio.create_task(app.job_manager.listen_for_jobs(on_notification=hear))
        try:
            await until(lambda: rows(database, asks))
            sent = ("x", "[]", "", json.dumps({"type": "abort_job_requested", "job_id": 1}))
            with connect_as("lex_ro", database) as connection:
                for words in sent:
                    connection.execute("SELECT pg_notify('procrastinate_any_queue_v1', %s)", (words,))
            told = [await asyncio.wait_for(heard.get(), WAIT) for _ in sent]
        finally:
            listening.cancel()
    assert told == [{"type": "job_inserted"}] * len(sent)


def test_every_job_that_is_put_into_the_queue_has_somebody_to_run_it() -> None:
    modules = (receive_webhook, send_notification, sandbox, sandbox_events)
    names = {
        value for module in modules for key, value in vars(module).items() if key in ("_PROCESS", "_DECIDE", "_DELIVER")
    }
    assert len(names) == 3
    assert names | {SEND} <= set(jobs.app.tasks)


async def test_every_line_of_the_timetable_runs(database: str) -> None:
    for line in worker.TIMETABLE:
        await line.work(actor.system())


def test_the_timetable_can_be_kept() -> None:
    worker.register()
    worker.register()
    lines = {name for name, _ in jobs.app.periodic_registry.periodic_tasks}
    assert {line.name for line in worker.TIMETABLE} <= lines


async def test_of_repeated_failures_of_the_timetable_one_is_kept(database: str) -> None:
    for _ in range(3):
        rows(
            database,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
            "VALUES ('timetable', 'expire_carts', 'failed')",
        )
    await job_upkeep.delete_old(timedelta(days=1), [line.name for line in worker.TIMETABLE])
    assert len(queued(database, "timetable")) == 1


def test_lex_jobs_shows_and_steers(process: pytest.MonkeyPatch, database_url: str) -> None:
    rows(
        database_url,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts) VALUES ('default', 'x', 'failed', 8)",
    )
    [job] = queued(database_url)
    rows(database_url, "INSERT INTO job_errors (job_id, error) VALUES (%s, 'OSError: gone')", (job["id"],))
    runner = CliRunner()
    shown = runner.invoke(cli.app, ["--json"])
    assert shown.exit_code == 0, shown.output
    document = json.loads(shown.output)
    assert {line["task"] for line in document["timetable"]} == {line.name for line in worker.TIMETABLE}
    assert all(line["next_at"] for line in document["timetable"])
    assert document["queue"] == [{"task": "x", "status": "failed", "jobs": 1, "next_at": None}]
    assert document["troubled"][0]["error"] == "OSError: gone"
    assert "OSError: gone" in runner.invoke(cli.app, []).output
    assert runner.invoke(cli.app, ["retry", str(job["id"])]).exit_code == 0
    assert queued(database_url)[0]["status"] == "todo"
    ran = runner.invoke(cli.app, ["run", "expire_carts", "--json"])
    assert json.loads(ran.output) == {"task": "expire_carts", "result": 0}
    assert runner.invoke(cli.app, ["run", "nothing"]).exit_code != 0
