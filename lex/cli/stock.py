"""`lex stock verify`: whether the counters agree with movements and holds."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lex.cli.context import environment
from lex.core import actor, codec
from lex.db import session
from lex.stock import commands as stock
from lex.stock.commands import Drift

app = typer.Typer(help="Stock: do the counters agree with what happened?", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)


@app.callback()
def main() -> None:
    """Stock: do the counters agree with what happened?"""


@app.command()
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Put the counters right.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare on hand with the movements and reserved with the holds. Ends with 1 when something drifts and stays."""

    async def run(database_url: str) -> list[Drift]:
        await session.connect(database_url, pool_size=2)
        try:
            return await session.transact(actor.system(), stock.repair if repair else stock.verify)
        finally:
            await session.disconnect()

    with environment(cache=False) as config:
        drifts = asyncio.run(run(config.database_url))
    if as_json:
        typer.echo(codec.encode(drifts).decode())
    else:
        _print(drifts, repair)
    if drifts and not repair:
        raise typer.Exit(1)


def _print(drifts: list[Drift], repaired: bool) -> None:
    if not drifts:
        console.print("Stock is right: every counter equals its movements and holds.")
        return
    table = Table("SKU", "Name", "On hand", "Movements say", "Reserved", "Holds say")
    for drift in drifts:
        numbers = (drift.on_hand, drift.moved_on_hand, drift.reserved, drift.held)
        table.add_row(escape(drift.sku), escape(drift.name), *map(str, numbers))
    console.print(table)
    words = "put right" if repaired else "drifted; lex stock verify --repair puts them right"
    console.print(f"{len(drifts)} products {words}.")
