"""`lex jobs`: the timetable, the queue and what failed; run a failed job again, or a line of the timetable now."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from lex.cli.context import environment
from lex.core import actor, clock, codec
from lex.core.errors import NotFound
from lex.db import job_upkeep, jobs, session
from lex.worker import TIMETABLE, register

T = TypeVar("T")

app = typer.Typer(help="Jobs: the timetable, the queue, what failed.", invoke_without_command=True)
console = Console(soft_wrap=True, highlight=False)

_WIDE = 150  # columns that hold the explanations too

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def overview(context: typer.Context, as_json: Json = False) -> None:
    """Show the timetable with last and next run, the queue by status, and failed jobs with their last error."""
    if context.invoked_subcommand is None:
        document = _with_database(_document)
        _print_json(document) if as_json else _print_tables(document)


@app.command("list")
def list_jobs(as_json: Json = False) -> None:
    """The same as `lex jobs`."""
    document = _with_database(_document)
    _print_json(document) if as_json else _print_tables(document)


@app.command()
def retry(job_id: Annotated[int, typer.Argument(help="The number of the job, as `lex jobs` shows it.")]) -> None:
    """Run a failed job again, with all its tries."""
    _with_database(lambda: job_upkeep.retry(job_id))
    console.print(f"Job {job_id} is back in the queue.")


@app.command()
def run(
    task: Annotated[str, typer.Argument(help="A line of the timetable.")],
    as_json: Json = False,
) -> None:
    """Run a line of the timetable now, here."""
    line = next((line for line in TIMETABLE if line.name == task), None)
    if line is None:
        known = ", ".join(line.name for line in TIMETABLE)
        raise NotFound(f"“{task}” is not on the timetable; it has {known}.", code="task_not_found")
    result = _with_database(lambda: line.work(actor.system()))
    if as_json:
        _print_json({"task": task, "result": result})
    else:
        console.print(f"{task} is done." + (f" Result: {result}." if result is not None else ""), markup=False)


def _with_database(work: Callable[[], Awaitable[T]]) -> T:
    async def connected() -> T:
        await session.connect(config.database_url, pool_size=2)
        try:
            return await work()
        finally:
            await session.disconnect()

    with environment(cache=False) as config:
        return asyncio.run(connected())


async def _document() -> dict[str, Any]:
    register()
    last = await job_upkeep.last_runs()
    now = clock.real_now()
    return {
        "timetable": [
            {
                "task": line.name,
                "about": line.about,
                "cron": line.cron,
                "last_at": last[line.name].at or last[line.name].due_at if line.name in last else None,
                "last_status": last[line.name].status if line.name in last else None,
                "next_at": jobs.next_time(line.name, now),
            }
            for line in TIMETABLE
        ],
        "queue": await job_upkeep.queue(),
        "troubled": await job_upkeep.troubled(),
    }


def _print_json(document: Any) -> None:
    typer.echo(codec.encode(document).decode())


def _print_tables(document: dict[str, Any]) -> None:
    timetable = Table(title="Timetable (UTC)", title_justify="left")
    is_wide = console.width >= _WIDE
    for name in ("Task", "Last", "", "Next", *(("When", "What") if is_wide else ())):
        timetable.add_column(name, no_wrap=name != "What")
    for line in document["timetable"]:
        status, last = line["last_status"] or "", _instant(line["last_at"])
        more = (line["cron"], line["about"]) if is_wide else ()
        timetable.add_row(line["task"], last, status, _instant(line["next_at"]), *more)
    console.print(timetable)
    queue = Table("Task", "Status", "Jobs", "Next", title="Queue", title_justify="left")
    for row in document["queue"]:
        queue.add_row(row.task, row.status, str(row.jobs), _instant(row.next_at))
    console.print(queue if document["queue"] else "The queue is empty.")
    if not document["troubled"]:
        console.print("No job has failed.")
        return
    failed = Table("Job", "Task", "Status", "Tries", "Since", "Last error", title="Trouble", title_justify="left")
    for job in document["troubled"]:
        status = "failed" if job.status == "failed" else f"again {_instant(job.next_at)}"
        failed.add_row(str(job.id), job.task, status, str(job.attempts), _instant(job.failed_at), job.error or "")
    console.print(failed)
    console.print("Run one again with lex jobs retry <job>.")


def _instant(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
