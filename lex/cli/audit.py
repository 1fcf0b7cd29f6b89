"""`lex audit`: search the trail, prove that nothing in it was changed, copy its seals to where nobody rewrites them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from lex.audit.queries import AuditEntry, AuditFilter, list_entries, record_search
from lex.cli.context import environment, run_connected
from lex.cli.progress import advance, bar
from lex.core import codec
from lex.core.actor import Actor
from lex.core.texts import for_terminal
from lex.db import session
from lex.identity import keyring
from lex.ops import sealing, verifying
from lex.ops.verifying import Verdict

app = typer.Typer(help="The audit trail: search it, prove it, copy its seals.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

SHOWN = 100
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Time = Annotated[datetime | None, typer.Option(help="An instant in UTC, such as 2026-11-05T10:00.")]


@app.command()
def search(
    user: Annotated[UUID | None, typer.Option(help="Id of who acted.")] = None,
    action: Annotated[str | None, typer.Option(help="insert, update, delete, read, export …")] = None,
    resource: Annotated[str | None, typer.Option(help="A table, or what it was about.")] = None,
    resource_id: Annotated[str | None, typer.Option(help="Key of the row; needs --resource.")] = None,
    since: Time = None,
    until: Time = None,
    before: Annotated[UUID | None, typer.Option(help="Only older than this entry: the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Find entries, newest first."""
    wanted = AuditFilter(user, action, resource, resource_id, _in_utc(since), _in_utc(until))

    async def work(actor: Actor) -> list[AuditEntry]:
        async with session.transaction(actor) as open_session:
            listed = await list_entries(open_session, wanted, before=before, limit=limit)
            await record_search(open_session, wanted)
            return listed

    found = run_connected(work)
    if as_json:
        typer.echo(codec.encode(found))
        return
    for entry in found:
        acted = f" through {entry.acted_by}" if entry.acted_by else ""
        who = f"{entry.role or '-'} {entry.user_id or ''}{acted} {entry.ip_address or ''}".strip()
        console.print(f"{entry.created_at:%Y-%m-%d %H:%M:%S}  {entry.action} {entry.resource} ", end="", markup=False)
        console.print(for_terminal(f"{entry.resource_id or ''}  by {who}  ({entry.id})"), markup=False)
        console.print(for_terminal(f"    {codec.encode(entry.changes).decode()[:500]}"), markup=False)
    if not found:
        console.print("No entry matches.")
    elif len(found) == limit:
        console.print(f"Older ones: --before {found[-1].id}")


def _in_utc(instant: datetime | None) -> datetime | None:
    return instant if instant is None or instant.tzinfo else instant.replace(tzinfo=UTC)


@app.command()
def verify(
    against: Annotated[Path | None, typer.Option(help="A copy of the seals; the one in the home without it.")] = None,
    archives: Annotated[Path | None, typer.Option(help="Folder of archived months; <home>/archive without it.")] = None,
    without_archives: Annotated[bool, typer.Option("--without-archives", help="Leave archived months out.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that no row was changed, taken out or put in since it was sealed. Ends with 1 when one was, with 3 when
    rows of archived months were left out.
    """
    with environment(cache=False) as config, bar() as shown:
        own = config.home_path / sealing.COPY_NAME
        verdict = verifying.verify(
            config.database_url,
            keyring.audit_keys(config),
            folder=archives or config.home_path / "archive",
            copy=against or (own if own.exists() else None),
            with_archives=not without_archives,
            told=advance(shown, "Rows"),
        )
    if as_json:
        typer.echo(codec.encode({"is_whole": verdict.is_whole, **_fields(verdict)}))
    else:
        _print(verdict)
    if not verdict.is_whole or verdict.archived:
        raise typer.Exit(3 if verdict.is_whole else 1)


def _fields(verdict: Verdict) -> dict[str, object]:
    return {name: getattr(verdict, name) for name in Verdict.__struct_fields__}


def _print(verdict: Verdict) -> None:
    for finding in verdict.findings[:SHOWN]:
        console.print(for_terminal(finding.sentence), style="red", markup=False)
    number = len(verdict.findings) + verdict.more
    if number > SHOWN:
        console.print(f"… and {number - SHOWN} more; --json lists the first {len(verdict.findings)}.")
    console.print(f"{verdict.rows} rows under {verdict.seals} seals: {'whole' if verdict.is_whole else 'NOT whole'}.")
    if verdict.archived:
        console.print(f"{verdict.archived} rows of archived months were not looked at: nothing is proven of them.")
    if verdict.unsealed:
        since = f"{verdict.unsealed_since:%Y-%m-%d %H:%M:%S}"
        console.print(f"{verdict.unsealed} rows since {since} are not sealed yet; the worker does it each minute.")


@app.command()
def seals(
    export: Annotated[Path, typer.Option(help="The file they are added to.")],
) -> None:
    """Add the seals a file does not have yet. Keep it where whoever rules the database cannot write."""
    with environment(cache=False) as config:
        added = sealing.copy_seals(config.database_url, export)
    console.print(f"{added} seals added to {export}.", markup=False)
