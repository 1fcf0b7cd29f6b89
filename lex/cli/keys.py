"""`lex keys`: the ring that wraps every person's key. docs/concepts/personal-data.md says when to turn it."""

from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from lex.cli.context import run_connected
from lex.cli.progress import advance, bar
from lex.core import codec
from lex.core.actor import Actor
from lex.core.settings import settings
from lex.db.session import transact
from lex.flows.rotate_keys import rotate_keys, verify_keys
from lex.identity import keyring
from lex.identity.commands import Turned
from lex.identity.keyring import BLIND, WRAPPING, Ring
from lex.identity.queries import count_keys

app = typer.Typer(help="The keys of personal data: list, add, rotate, verify, drop.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

_Blind = Annotated[bool, typer.Option("--blind", help="The ring of the blind indexes, by which people are found.")]


def _ring(is_blind: bool) -> Ring:
    return BLIND if is_blind else WRAPPING


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False, is_blind: _Blind = False
) -> None:
    """List the ring's keys, newest first, with how many persons' keys are wrapped under each, or are found by it."""
    ring = _ring(is_blind)
    counted = run_connected(partial(_counted, ring=ring))
    keys = ring.keys(settings())
    missing = [key_id for key_id in counted if key_id not in keys]
    if as_json:
        rows = [
            {"id": key_id, "persons": counted.get(key_id, 0), "is_there": key_id in keys}
            for key_id in (*keys, *missing)
        ]
        typer.echo(codec.encode(rows))
        return
    table = Table("Key", "", box=None)
    table.add_column("Persons", justify="right")
    for place, key_id in enumerate((*keys, *missing)):
        state = "[red]missing[/]" if key_id in missing else "newest" if not place else ""
        table.add_row(key_id, state, str(counted.get(key_id, 0)))
    console.print(table)
    if len(keys) > 1 or missing:
        _say_what_is_left(ring, counted)


@app.command()
def add(is_blind: _Blind = False) -> None:
    """Put a new key first into the ring's file."""
    ring = _ring(is_blind)
    key_id = keyring.add(settings(), ring)
    told = "new persons are found by it" if is_blind else "new persons' keys are wrapped under it"
    console.print(f"Added {key_id}; {told}. Back up the ring, then run lex keys rotate{ring.option}.")


@app.command()
def rotate(is_blind: _Blind = False) -> None:
    """Wrap every person's key anew under the newest key, or make their blind indexes anew.

    Can be broken off, and goes on when it is run again. Ends with 1 when somebody's row does not open: it is named.
    """
    ring = _ring(is_blind)

    async def work(actor: Actor) -> tuple[Turned, dict[str, int]]:
        turned = await rotate_keys(actor, advance(shown, "persons"), ring=ring)
        return turned, await _counted(actor, ring)

    with bar() as shown:
        turned, counted = run_connected(work)
    if turned.done:
        told = "persons are found by the newest key" if is_blind else "persons' keys are wrapped anew"
        console.print(f"{len(turned.done)} {told}.")
    elif not turned.bad:
        console.print("Nothing to do: all is under the newest key.")
    _say_what_is_left(ring, counted)
    _say_bad(turned.bad)


@app.command()
def verify() -> None:
    """Open every person's key with the ring; ends with 1 and names those that do not open."""

    async def work(actor: Actor) -> Turned:
        return await verify_keys(actor, advance(shown, "keys"))

    with bar() as shown:
        checked = run_connected(work)
    console.print(f"{len(checked.done)} persons' keys open.")
    _say_bad(checked.bad)


@app.command()
def drop(key_id: Annotated[str, typer.Argument(help="Id of an older key.")], is_blind: _Blind = False) -> None:
    """Take an older key out of the ring's file, once nobody needs it any more."""
    ring = _ring(is_blind)
    keyring.drop(settings(), key_id, run_connected(partial(_counted, ring=ring)).get(key_id, 0), ring)
    console.print(f"Dropped {key_id}. Backups older than the rotation still need it: keep it with them.")


async def _counted(actor: Actor, ring: Ring) -> dict[str, int]:
    return await transact(actor, partial(count_keys, ring=ring))


def _say_bad(bad: list[UUID]) -> None:
    if bad:
        named = "\n".join(f"  {user_id}" for user_id in bad)
        console.print(f"[red]{len(bad)} persons' data does not open[/] and was left as it is:\n{named}")
        raise typer.Exit(1)


def _say_what_is_left(ring: Ring, counted: dict[str, int]) -> None:
    for key_id in list(ring.keys(settings()))[1:]:
        left, does = counted.get(key_id, 0), "finds" if ring is BLIND else "wraps"
        whom = "persons" if ring is BLIND else "persons' keys"
        told = f"still {does} {left} {whom}; run lex keys rotate{ring.option}"
        if not left:
            told = f"may go: lex keys drop {key_id}{ring.option}"
            told += ", three days after it was rotated away from" if ring is BLIND else ""
        console.print(f"{key_id} {told}.")
