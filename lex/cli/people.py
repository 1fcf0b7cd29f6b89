"""`lex people`: find people, appoint staff, open closed accounts, copy a person's data, and erase it for good."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from lex.cli.context import run_connected
from lex.cli.progress import advance, bar
from lex.core import codec
from lex.core.actor import Actor
from lex.core.texts import for_terminal
from lex.db import session
from lex.flows.accounts.appoint import appoint_by_command
from lex.flows.accounts.factors import take_all
from lex.flows.accounts.standing import open_again
from lex.flows.erase_person import Candidate, erase_person, plan_erasure
from lex.flows.own_data.archive import ALL_PARTS
from lex.flows.own_data.export import export_person
from lex.identity.people import Found, find_people, record_list

app = typer.Typer(help="Find people, appoint staff, copy or erase a person's data.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def find(
    who: Annotated[str, typer.Argument(help="An e-mail, an id, or whole words of name, mail domain or phone.")],
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Find people, newest first. Everyone who bought without an account is one guest for each checkout."""

    async def work(actor: Actor) -> list[Found]:
        async with session.transaction(actor) as open_session:
            listed = await find_people(open_session, who, limit=limit)
            await record_list(open_session, listed)
            return listed

    found = run_connected(work)
    if as_json:
        typer.echo(codec.encode(found))
    elif found:
        console.print(_table(found))
    else:
        console.print("Nobody is known by this.")


@app.command("appoint")
def appoint_(
    email: Annotated[str, typer.Argument(help="Whose address; an account is made if there is none.")],
    role: Annotated[str, typer.Option(help="super_admin, admin or moderator.")] = "admin",
) -> None:
    """Make somebody one of the staff; prints the address where they choose a password, good once and for three days."""
    address = run_connected(lambda actor: appoint_by_command(actor, email, role))
    console.print(f"{escape(for_terminal(email))} is {role} from now on, and chooses a password here:")
    console.print(address, markup=False)


@app.command("reopen")
def reopen(email: Annotated[str, typer.Argument(help="Whose account.")]) -> None:
    """Open an account again that its owner or the shop closed."""
    if not run_connected(lambda actor: open_again(actor, email)):
        console.print("There is no closed account with this address.")
        raise typer.Exit(1)
    console.print("The account is open again; its keys and sessions are not.")


@app.command("password-only")
def password_only(email: Annotated[str, typer.Argument(help="Whose account.")]) -> None:
    """Let somebody in by the password alone who lost their app, passkeys and recovery codes. Be sure who asks."""
    if not run_connected(lambda actor: take_all(actor, email)):
        console.print("No account with this address has a second factor.")
        raise typer.Exit(1)
    console.print("The password alone signs in to this account now; whoever was signed in is signed out.")


@app.command()
def export(
    who: Annotated[str, typer.Argument(help="An e-mail, which also names the guests who used it, or an id.")],
    to: Annotated[Path, typer.Option(help="Folder the files are written to, one for each person.")],
) -> None:
    """Write everything the shop keeps about somebody, as a zip that anybody can read: for who asks by letter."""
    to.mkdir(parents=True, exist_ok=True)
    planned = run_connected(lambda actor: plan_erasure(actor, who))
    for one in planned:
        path = to / f"{one.person.id}.zip"
        run_connected(partial(_export, one=one, path=path))
        console.print(f"{escape(for_terminal(one.person.email or str(one.person.id)))} ({one.person.role}): {path}")


async def _export(actor: Actor, one: Candidate, path: Path) -> None:
    with bar() as shown, os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        told = advance(shown, "Writing")

        async def tell(done: int) -> None:
            told(done, ALL_PARTS)

        await export_person(actor, one.person.id, file, tell)


@app.command()
def erase(
    who: Annotated[str, typer.Argument(help="An e-mail, which also names the guests who used it, or an id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Destroy the key of a person's data and empty every personal cell. Nothing brings them back."""
    planned = run_connected(lambda actor: plan_erasure(actor, who))
    console.print(_table([one.person for one in planned]))
    for one in planned:
        one.standing.require_none("This person has")
    kept = sum(one.standing.orders for one in planned)
    console.print(
        "Names, e-mail, phone, addresses, notes and stored payment methods go for good, in backups too; pending mails "
        f"are dropped, links and keys end. {kept} orders stay, with goods and amounts but nobody's name."
    )
    if not yes:
        typer.confirm(f"Erase {_people(len(planned))}?", abort=True)
    run_connected(lambda actor: _erase_all(actor, planned))
    console.print(f"Erased {_people(len(planned))}.")


async def _erase_all(actor: Actor, planned: Sequence[Candidate]) -> None:
    for one in planned:
        await erase_person(actor, one.person.id)


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _table(found: Sequence[Found]) -> Table:
    whole = partial(Column, overflow="fold")  # an id or an address with its end cut off cannot be copied
    table = Table(whole("Id"), "Role", "Name", whole("E-mail"), "Phone", "Since", box=None)
    for one in found:
        shown = "(erased)" if one.erased_at else None
        texts = [escape(for_terminal(text or shown or "")) for text in (one.name, one.email, one.phone)]
        table.add_row(str(one.id), one.role, *texts, f"{one.created_at:%Y-%m-%d}")
    return table
