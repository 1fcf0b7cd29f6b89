"""`lex tokens`: API keys of people and applications. docs/concepts/api-access.md tells what they are."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from lex.cli.context import run_connected
from lex.core import codec
from lex.core.actor import Actor
from lex.core.texts import for_terminal
from lex.db.session import transact
from lex.flows.accounts.api_keys import DEFAULT_DAYS, MOST_DAYS, NewKey, Wish, make_key_for, revoke_any_key
from lex.identity.api_keys import ApiKey, list_of_all
from lex.identity.key_forms import Kind

app = typer.Typer(help="API keys: list, make, revoke.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List every key that is not revoked, newest first, with its owner's id, its scopes and its last use."""

    async def work(actor: Actor) -> list[ApiKey]:
        return await transact(actor, list_of_all)

    keys = run_connected(work)
    if as_json:
        typer.echo(codec.encode(keys))
        return
    whole = [Column(title, overflow="fold") for title in ("Id", "Owner")]
    table = Table(*whole, "Kind", "Name", "Begins", "Scopes", "Last use", "Expires", box=None)
    for key in keys:
        row = (str(key.id), str(key.user_id), key.kind, escape(for_terminal(key.name)), key.prefix)
        scopes, ends = " ".join(key.scopes) or "all", _day(key.expires_at) or "never"
        table.add_row(*row, scopes, _day(key.last_used_at), f"[red]{ends}[/]" if key.is_expired else ends)
    console.print(table)


@app.command()
def make(
    email: Annotated[str, typer.Argument(help="Whose key: the address of an account.")],
    name: Annotated[str, typer.Argument(help="What uses it.")],
    scopes: Annotated[list[str], typer.Option("--scope", help="What it may do; give it several times.")],
    is_application: Annotated[bool, typer.Option("--application", help="For a program of the shop's.")] = False,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="Days until it expires.")] = DEFAULT_DAYS,
    is_lasting: Annotated[bool, typer.Option("--never-expires", help="For an application alone.")] = False,
    as_json: Json = False,
) -> None:
    """Make a key; it is printed this once. Its owner is told by mail."""
    kind = Kind.APPLICATION if is_application else Kind.PERSONAL
    wish = Wish(name, scopes, None if is_lasting else days)

    async def work(actor: Actor) -> NewKey:
        return await make_key_for(actor, email, kind, wish)

    made = run_connected(work)
    if as_json:
        typer.echo(codec.encode(made))
        return
    console.print(f"Made; it {_told(made.expires_at)} and is shown this once:")
    console.print(made.secret, markup=False)


@app.command()
def revoke(key_id: Annotated[UUID, typer.Argument(help="Id of the key, from lex tokens list.")]) -> None:
    """Revoke a key: it is refused from the next request on."""
    run_connected(lambda actor: revoke_any_key(actor, key_id))
    console.print("Revoked.")


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else ""


def _told(expires_at: datetime | None) -> str:
    return f"expires on {_day(expires_at)}" if expires_at else "never expires"
