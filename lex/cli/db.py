"""`lex db`: migrations, the description of the schema, and partitions."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from lex.cli import partitions
from lex.cli.context import environment, run_connected
from lex.cli.progress import advance, bar
from lex.db.roles import LOGINS, url_of
from lex.flows import purge_deleted
from lex.ops import dumps, migrations, roles, schema_docs, sealing, tampering
from lex.ops.currency import keep_currency

app = typer.Typer(help="Migrations and the description of the schema.", no_args_is_help=True)
app.add_typer(partitions.app, name="partitions")
_console = Console()


@app.command()
def migrate(
    to: Annotated[str, typer.Option(help="Stop after this revision.")] = "head",
) -> None:
    """Apply all pending migrations, each in a transaction of its own."""
    with environment(cache=False, migrate=False) as settings:
        applied = migrations.upgrade(settings.database_url, to, told=lambda name: _say(f"applied {name}"))
        keep_currency(settings.database_url, settings.currency)
    if not applied:
        _say("Nothing to do: every migration is applied.")


@app.command()
def rollback(
    all: Annotated[bool, typer.Option("--all", help="Take back every migration; all data is lost.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take back the last migration, or all of them."""
    if all and not yes:
        typer.confirm("This drops every table and all data in them. Go on?", abort=True)
    with environment(cache=False, migrate=False) as settings:
        migrations.rollback(settings.database_url, all=all, told=lambda name: _say(f"took back {name}"))
        if kept := sealing.put_copy_away(settings.database_url, settings.home_path / sealing.COPY_NAME):
            _say(f"The audit trail is gone; the copy of its seals is {kept} now.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the migrations, their kind, and which of them this database has. Exits 1 when some are pending."""
    with environment(cache=False, migrate=False) as settings:
        found = migrations.status(settings.database_url)
    if as_json:
        typer.echo(json.dumps([asdict(migration) for migration in found], indent=2))
    else:
        table = Table(Column("migration", no_wrap=True), "kind", "state", "about")
        for migration in found:
            state = "applied" if migration.applied else "[yellow]pending[/yellow]"
            table.add_row(migration.name, migration.kind, state, migration.about)
        _console.print(table)
    if not all(migration.applied for migration in found):
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What it does, in a few words: add_gift_cards.")],
    data: Annotated[bool, typer.Option("--data", help="It changes rows, not tables.")] = False,
) -> None:
    """Write an empty migration, schema or data, after the newest one."""
    _say(str(migrations.new(name, data=data)))


@app.command(name="roles")
def mend_roles(
    urls: Annotated[bool, typer.Option("--urls", help="Print where each role logs in, passwords and all.")] = False,
) -> None:
    """Make the roles of the database, or mend them, and put back rights, policies and triggers changed by hand.

    The login of DATABASE_URL needs CREATEROLE and is no superuser. Exits 1 when something is left to somebody else.
    """
    with environment(cache=False, migrate=False) as settings:
        done = roles.ensure(settings.database_url)
        mended, left = tampering.mend(settings.database_url)
        for sentence in done + mended or ["Nothing to do: every role is there and can log in."] * (not left):
            _say(sentence)
        for one in left:
            _say(f"left: {one.detail} {one.mend}")
        if urls:
            for role in LOGINS:
                typer.echo(f"{role} {url_of(role, settings.database_url)}")
    if left:
        raise typer.Exit(1)


@app.command()
def dump(
    file: Annotated[Path, typer.Argument(help="Where it goes; must not be there yet.")],
) -> None:
    """Write the whole database to a file, while Lex works. The keys of personal data are not in it: keep them too."""
    with environment(cache=False, migrate=False) as settings:
        dumps.dump(settings.database_url, file)
    _say(f"Wrote {file}, {file.stat().st_size / 1_000_000:.1f} MB.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What lex db dump wrote.")],
) -> None:
    """Fill an empty database from a dump: all of it, or nothing."""
    with environment(cache=False, migrate=False) as settings:
        dumps.restore(settings.database_url, file)
    _say("Restored. Run lex db migrate if this Lex is newer than the dump.")


@app.command()
def docs(
    folder: Annotated[Path, typer.Option(help="Where the pages go.")] = Path("docs/schema"),
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 when a page is out of date.")] = False,
) -> None:
    """Describe the live schema: an index with entity diagram and a page per domain; for doctor, what nobody touched."""
    with environment(cache=False, migrate=False) as settings:
        pages = schema_docs.pages(settings.database_url)
        facts = tampering.text(settings.database_url)
    changed = schema_docs.outdated(pages, folder)
    changed += schema_docs.outdated({tampering.EXPECTED.name: facts}, tampering.EXPECTED.parent)
    for path in changed:
        _say(f"out of date: {path}" if check else f"wrote {path}")
    if check and changed:
        raise typer.Exit(1)
    schema_docs.write(pages, folder)
    schema_docs.write({tampering.EXPECTED.name: facts}, tampering.EXPECTED.parent)


@app.command()
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove for good what is past its time: deleted rows, old carts, mails, events, links. The books stay."""
    with bar() as shown:
        told = advance(shown, "Looking" if dry_run else "Purging")
        report = run_connected(lambda actor: purge_deleted.purge(actor, dry_run=dry_run, told=told))
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in report], indent=2))
        return
    table = Table("kind", Column("after days", justify="right"), box=None)
    table.add_column("would go" if dry_run else "removed", justify="right")
    table.add_column("kept", justify="right")
    for line in report:
        table.add_row(line.kind, str(line.days), str(line.removed), str(line.kept) if line.kept else "")
    _console.print(table)
    if any(line.kept for line in report):
        _say("What is kept is deleted and past its time, but orders or other books still point at it.")


def _say(sentence: str) -> None:
    _console.print(sentence, highlight=False, soft_wrap=True, markup=False)
