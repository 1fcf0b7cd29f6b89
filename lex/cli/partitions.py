"""`lex db partitions`: the periods of orders and of the audit trail; make the next ones, archive old months."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lex.cli.context import environment
from lex.core import clock, codec
from lex.core.errors import Invalid
from lex.identity import keyring
from lex.ops import archives, partitions

app = typer.Typer(help="Periods of orders and of the audit trail.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_UNITS = {"d": 1, "m": 31, "y": 366}  # days: rather a little later than too early


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the partitions with their time and size. Ends with 1 when fewer than two periods lie ahead."""
    with environment(cache=False) as config:
        found = partitions.list_partitions(config.database_url)
        status = partitions.status(config.database_url)
    if as_json:
        typer.echo(codec.encode([asdict(partition) for partition in found]))
    else:
        table = Table("Table", "Partition", "From", "Until", box=None)
        table.add_column("kB", justify="right")
        for partition in found:
            span = (f"{partition.start:%Y-%m-%d}", f"{partition.end:%Y-%m-%d}")
            table.add_row(partition.table, partition.name, *span, str(partition.bytes // 1000))
        console.print(table)
        for line in status:
            warning = "; run lex db partitions make" if line.is_short else ""
            console.print(f"{line.table}: {line.ahead} ahead, until {line.until:%Y-%m-%d}{warning}.")
    if any(line.is_short for line in status):
        raise typer.Exit(1)


@app.command()
def make(as_json: Json = False) -> None:
    """Make the partitions of the next periods that are missing, as the daily job does."""
    with environment(cache=False) as config:
        made = partitions.ensure(config.database_url)
    if as_json:
        typer.echo(codec.encode(made))
    else:
        console.print(f"Made {', '.join(made)}." if made else "Nothing to do: the next periods are there.")


@app.command()
def archive(
    older_than: Annotated[str, typer.Option(help="How long ago a month ended: 24m, 2y, 400d; 1m at least.")],
    folder: Annotated[Path | None, typer.Option(help="Where the files go; <home>/archive without it.")] = None,
    as_json: Json = False,
) -> None:
    """Write old months of the audit trail to compressed files and drop them; lex audit verify reads the files."""
    before = _before(older_than)
    with environment(cache=False) as config:
        where = folder or config.home_path / "archive"
        ring = keyring.audit_keys(config)
        told = (lambda _: None) if as_json else (lambda name: console.print(f"{name} …"))
        done = archives.archive(config.database_url, ring, before=before, folder=where, told=told)
    if as_json:
        typer.echo(codec.encode(done))
    elif done:
        for month in done:
            console.print(f"{month.partition}: {month.rows} rows are in {month.file}, {month.bytes // 1000} kB.")
    else:
        console.print(f"Nothing to do: no month ended before {before:%Y-%m-%d}.")


def _before(older_than: str) -> datetime:
    match = re.fullmatch(r"(\d{1,4})([dmy])", older_than.strip().lower())
    if match is None:
        raise Invalid("older-than", f"“{older_than}” is no age; write 24m, 2y or 400d.")
    return clock.real_now().astimezone(UTC) - timedelta(days=int(match[1]) * _UNITS[match[2]])
