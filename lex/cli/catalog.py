"""`lex import products` and `lex export products`: the catalogue from and to the CSV of Shopify and WooCommerce."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lex.cli.context import environment
from lex.cli.progress import advance, bar
from lex.core import actor, codec
from lex.core.errors import Invalid
from lex.core.texts import for_terminal
from lex.db import session
from lex.flows.export_products import export_products
from lex.flows.import_products import ImportReport, import_products
from lex.flows.product_csv.plan import FORMATS

import_app = typer.Typer(help="Bring data in.", no_args_is_help=True)
export_app = typer.Typer(help="Take data out.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)

SHOWN = 40


@import_app.callback()
def _import() -> None:
    """Bring data in."""


@export_app.callback()
def _export() -> None:
    """Take data out."""


@import_app.command("products")
def import_command(
    file: Annotated[Path, typer.Argument(help="A product CSV exported from Shopify or WooCommerce.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen and change nothing.")] = False,
    encoding: Annotated[str, typer.Option(help="utf-8, cp1252 or latin-1.")] = "utf-8",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Import products. Bad rows are told by line and column and left out; the same file again changes nothing.

    Ends with 1 when rows were left out, with 2 when the file cannot be imported at all.
    """

    async def run(database_url: str) -> ImportReport:
        await session.connect(database_url, pool_size=2)
        try:
            with bar() as shown:
                told = advance(shown, "Checking" if dry_run else "Importing")
                return await import_products(file, actor.system(), encoding=encoding, dry_run=dry_run, progress=told)
        finally:
            await session.disconnect()

    with environment(cache=False) as config:
        report = asyncio.run(run(config.database_url))
    if as_json:
        typer.echo(codec.encode(_document(report)).decode())
    else:
        _print(report)
    if report.problems.errors:
        raise typer.Exit(1)


@export_app.command("products")
def export_command(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it the CSV goes to the screen.")] = None,
    format_name: Annotated[str, typer.Option("--format", help="shopify or woocommerce.")] = "shopify",
) -> None:
    """Export all products. What an imported file said comes back in its own words where nothing changed since."""
    if format_name not in FORMATS:
        raise Invalid("format", f"“{format_name[:40]}” is no format; use {' or '.join(FORMATS)}.")

    async def run(database_url: str) -> None:
        await session.connect(database_url, pool_size=2)
        try:
            with bar() as shown:
                await _write(file, format_name, advance(shown, "Exporting"))
        finally:
            await session.disconnect()

    with environment(cache=False) as config:
        asyncio.run(run(config.database_url))
    if file:
        errors.print(f"Written to {escape(str(file))}.")


async def _write(file: Path | None, format_name: str, told: Callable[[int, int], None]) -> None:
    """To a draft beside the file first: an export that breaks off leaves the old file whole."""
    if file is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        async for line in export_products(actor.system(), format_name, told):
            sys.stdout.write(line)
        sys.stdout.flush()
        return
    draft = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with draft.open("w", encoding="utf-8", newline="") as out:
            async for line in export_products(actor.system(), format_name, told):
                out.write(line)
        draft.replace(file)
    except OSError as error:
        raise Invalid("file", f"{file} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _document(report: ImportReport) -> dict[str, Any]:
    counts = ("created", "updated", "unchanged", "refused", "refused_rows", "variants", "pictures", "rows", "products")
    return {
        "format": report.format,
        "dry_run": report.is_dry_run,
        **{name: getattr(report, name) for name in counts},
        "categories_created": report.categories,
        "errors": report.problems.errors,
        "problems": [_problem(problem) for problem in report.problems.listed],
        "notes": [{**_problem(problem), "times": times} for problem, times in report.problems.first_notes()],
    }


def _problem(problem: Any) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("line", "column", "message", "way_out")}


def _print(report: ImportReport) -> None:
    problems = report.problems
    if problems.listed:
        table = Table("Line", "Column", "What", "Way out", title="Left out", title_justify="left")
        for problem in problems.listed[:SHOWN]:
            told = (problem.column, problem.message, problem.way_out)
            table.add_row(str(problem.line), *(escape(for_terminal(text)) for text in told))
        console.print(table)
        if problems.errors > SHOWN:
            console.print(f"… and {problems.errors - SHOWN} more; --json lists the first {len(problems.listed)}.")
    for problem, times in problems.first_notes():
        often = f" ({times} times)" if times > 1 else ""
        text = f"Note, line {problem.line}{often}, {problem.column}: {problem.message} {problem.way_out}"
        console.print(for_terminal(text.rstrip()), style="yellow", markup=False)
    would = "would be " if report.is_dry_run else ""
    rows = f", besides {report.refused_rows} single rows" if report.refused_rows else ""
    console.print(
        f"{report.products} products of {report.rows} rows ({report.format}): {report.created} {would}created, "
        f"{report.updated} {would}updated, {report.unchanged} unchanged, {report.refused} left out{rows}.",
        markup=False,
    )
    if report.categories:
        console.print(for_terminal(f"Categories {would}made: {', '.join(report.categories)}."), markup=False)
    if report.pictures:
        console.print(f"Pictures {would}fetched from other hosts: {report.pictures}; see lex pictures status.")
    if report.is_dry_run:
        console.print("Nothing was changed; leave --dry-run out to import.")
