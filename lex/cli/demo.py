"""`lex demo`: load the invented cycle workshop."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from lex.adapters import files
from lex.cli.context import environment
from lex.core import actor, codec
from lex.core.settings import Settings
from lex.db import session
from lex.flows.load_demo import load_demo

console = Console(soft_wrap=True, highlight=False)

_WORDS = {
    "product": "products",
    "service": "services",
    "plan": "memberships",
    "shipping": "shipping methods",
    "tax": "tax rates",
    "key": "API keys",
    "sign-in": "sign-ins",
}


def demo(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Load the demo business, a cycle workshop: goods, services, memberships, staff. A second run changes nothing."""

    async def run(config: Settings) -> dict[str, int]:
        await session.connect(config.database_url, pool_size=2)
        try:
            return await load_demo(actor.system(), files.media(), files.private(), config.home_path)
        finally:
            await session.disconnect()

    with environment(cache=False) as config:
        made = asyncio.run(run(config))
        kept = config.home_path / "demo.json"
    if as_json:
        typer.echo(codec.encode(made).decode())
        return
    parts = [f"{made[kind]} {words}" for kind, words in _WORDS.items() if made.get(kind)]
    console.print(f"Demo business loaded: {', '.join(parts)}." if parts else "The demo business is loaded already.")
    console.print(f"Keys and passwords of its people: {kept}", style="dim", markup=False)
