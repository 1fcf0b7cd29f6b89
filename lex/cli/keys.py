"""`lex keys`: the ring that wraps every person's key. docs/concepts/personal-data.md says when to turn it."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lex.cli.context import run_connected
from lex.cli.progress import advance, bar
from lex.core import codec
from lex.core.actor import Actor
from lex.core.settings import settings
from lex.db.session import transact
from lex.flows.rotate_keys import rotate_keys
from lex.identity import keyring
from lex.identity.queries import count_keys

app = typer.Typer(help="The keys of personal data: list, add, rotate, drop.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the ring's keys, newest first, with how many persons' keys are wrapped under each."""
    counted = run_connected(_counted)
    ring = keyring.load(settings()).keys
    missing = [key_id for key_id in counted if key_id not in ring]
    if as_json:
        rows = [
            {"id": key_id, "persons": counted.get(key_id, 0), "is_there": key_id in ring}
            for key_id in (*ring, *missing)
        ]
        typer.echo(codec.encode(rows))
        return
    table = Table("Key", "", box=None)
    table.add_column("Persons", justify="right")
    for place, key_id in enumerate((*ring, *missing)):
        state = "[red]missing[/]" if key_id in missing else "newest" if not place else ""
        table.add_row(key_id, state, str(counted.get(key_id, 0)))
    console.print(table)
    if len(ring) > 1 or missing:
        _say_what_is_left(counted)


@app.command()
def add() -> None:
    """Put a new wrapping key first into the ring's file."""
    key_id = keyring.add(settings())
    console.print(
        f"Added {key_id}; new persons' keys are wrapped under it. Back up the ring, then run lex keys rotate."
    )


@app.command()
def rotate() -> None:
    """Wrap every person's key anew under the newest key. Can be broken off, and goes on when it is run again."""

    async def work(actor: Actor) -> tuple[int, dict[str, int]]:
        done = await rotate_keys(actor, advance(shown, "keys"))
        return done, await _counted(actor)

    with bar() as shown:
        done, counted = run_connected(work)
    console.print(
        f"{done} persons' keys are wrapped anew." if done else "Nothing to do: all keys are wrapped by the newest."
    )
    _say_what_is_left(counted)


@app.command()
def drop(key_id: Annotated[str, typer.Argument(help="Id of an older key.")]) -> None:
    """Take an older key out of the ring's file, once nothing is wrapped under it any more."""
    keyring.drop(settings(), key_id, run_connected(_counted).get(key_id, 0))
    console.print(f"Dropped {key_id}. Backups older than the rotation still need it: keep it with them.")


async def _counted(actor: Actor) -> dict[str, int]:
    return await transact(actor, count_keys)


def _say_what_is_left(counted: dict[str, int]) -> None:
    newest, _ = keyring.newest()
    for key_id in keyring.load(settings()).keys:
        if key_id == newest:
            continue
        left = counted.get(key_id, 0)
        told = f"still wraps {left} persons' keys; run lex keys rotate" if left else f"may go: lex keys drop {key_id}"
        console.print(f"{key_id} {told}.")
