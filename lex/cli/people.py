"""`lex people`: find people, appoint staff, open closed accounts, and erase a person's data for good."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from lex.cli.context import run_connected
from lex.core import codec
from lex.core.actor import Actor
from lex.core.texts import for_terminal
from lex.db import session
from lex.flows.accounts.appoint import appoint, open_again
from lex.flows.accounts.factors import take_all
from lex.flows.erase_person import Candidate, erase_person, plan_erasure, require_erasable
from lex.identity.people import Found, find_people, record_list

app = typer.Typer(help="Find people, appoint staff, erase a person's data for good.", no_args_is_help=True)
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
    address = run_connected(lambda actor: appoint(actor, email, role))
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
def erase(
    who: Annotated[str, typer.Argument(help="An e-mail, which also names the guests who used it, or an id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Destroy the key of a person's data and empty every personal cell. Nothing brings them back."""
    planned = run_connected(lambda actor: plan_erasure(actor, who))
    console.print(_table([one.person for one in planned]))
    for one in planned:
        require_erasable(one.standing)
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
