"""`lex pictures`: fetch what products name on other hosts, and say what is missing and why."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from lex.cli.context import environment
from lex.cli.progress import advance, bar
from lex.core import actor, codec
from lex.db import session
from lex.flows.fetch_pictures import FetchReport, fetch_missing, pictures_status

app = typer.Typer(help="Fetch pictures from other hosts; show what is missing and why.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

SHOWN = 40
T = TypeVar("T")


@app.command("fetch")
def fetch_command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Try every missing picture now, also those that failed. Ends with 1 when some did not come."""

    async def work() -> FetchReport:
        with bar() as shown:
            return await fetch_missing(actor.system(), advance(shown, "Fetching"))

    report = _run(work)
    if as_json:
        typer.echo(codec.encode(asdict(report)).decode())
    else:
        _table("Not fetched", ((source, why) for source, why in report.failed.items()))
        console.print(f"{report.fetched} of {report.wanted} pictures fetched.")
    if report.failed:
        raise typer.Exit(1)


@app.command("status")
def status_command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say how many pictures are here and which are missing, with the reason."""
    status = _run(lambda: pictures_status(actor.system()))
    failed = [one for one in status.missing if one.status == "failed"]
    if as_json:
        rows = [
            {"source": one.source, "product": one.product, "status": one.status, "tries": one.attempts}
            | {"error": one.error}
            for one in status.missing
        ]
        typer.echo(codec.encode({"fetched": status.stored, "missing": rows}).decode())
        return
    told = [one for one in status.missing if one.error]
    _table("Missing", ((one.source, f"{one.product}: {one.error} ({one.status})") for one in told))
    waiting = len(status.missing) - len(failed)
    console.print(f"{status.stored} fetched, {waiting} waiting, {len(failed)} failed.")
    if failed:
        console.print("lex pictures fetch tries them again.")


def _run(work: Callable[[], Awaitable[T]]) -> T:
    async def run(database_url: str) -> T:
        await session.connect(database_url, pool_size=4)
        try:
            return await work()
        finally:
            await session.disconnect()

    with environment(cache=False) as config:
        return asyncio.run(run(config.database_url))


def _table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    listed = list(rows)
    if not listed:
        return
    table = Table(Column("Address", overflow="fold"), "Why", title=title, title_justify="left")
    for address, why in listed[:SHOWN]:
        table.add_row(escape(address), escape(why))
    console.print(table)
    if len(listed) > SHOWN:
        console.print(f"… and {len(listed) - SHOWN} more; --json lists all.")
