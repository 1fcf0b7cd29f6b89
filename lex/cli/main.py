"""The `lex` command. A subcommand is a function or a Typer app in a file of its own, named in the table here.

Only the one that is called is loaded: `lex doctor` should not wait for what `lex import` needs.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from lex.core.errors import Refusal
from lex.core.texts import for_terminal

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("lex.cli.serve:serve", "Start the shop; Ctrl-C stops all of it."),
    "doctor": ("lex.cli.doctor:doctor", "Say in one line each what Lex needs and whether it is there."),
    "demo": ("lex.cli.demo:demo", "Load the demo business, a cycle workshop."),
    "seed": ("lex.cli.seed:seed", "Fill an empty shop with invented goods and past orders."),
    "import": ("lex.cli.catalog:import_app", "Bring data in."),
    "export": ("lex.cli.catalog:export_app", "Take data out."),
    "pictures": ("lex.cli.pictures:app", "Fetch pictures from other hosts; show what is missing and why."),
    "orders": ("lex.cli.orders:app", "Find, show, hand over, complete, cancel and note orders."),
    "coupons": ("lex.cli.coupons:app", "Make and list coupons, give out unique codes, try one on a cart."),
    "search": ("lex.cli.search:app", "Bring the search to another language."),
    "people": (
        "lex.cli.people:app",
        "Find people, appoint staff, open accounts, copy or erase a person's data.",
    ),
    "tokens": ("lex.cli.tokens:app", "API keys: list, make, revoke."),
    "keys": ("lex.cli.keys:app", "The keys of personal data: list, add, rotate, drop."),
    "stock": ("lex.cli.stock:app", "Check whether the counters agree with what happened."),
    "jobs": ("lex.cli.jobs:app", "Show the timetable, the queue and what failed."),
    "audit": ("lex.cli.audit:app", "Search the audit trail, prove it, copy its seals."),
    "db": ("lex.cli.db:app", "Migrations, the description of the schema, partitions."),
}


class _Group(TyperGroup):
    """Loads the command that is called; prints a refusal as its sentence, without a traceback, and exits 2."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update({name: TyperCommand(name, help=about) for name, (_, about) in COMMANDS.items()})
        self._is_listing = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS and not self._is_listing:
            return _load(cmd_name, COMMANDS[cmd_name][0])
        return super().get_command(ctx, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._is_listing = True
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            print_refusal(refusal)
            raise typer.Exit(2) from refusal


app = typer.Typer(
    name="lex",
    help="Lex: a shop for goods, bookable services and memberships.",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _load(name: str, where: str) -> Any:
    module, _, attribute = where.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        command: Any = typer.main.get_group(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        command = typer.main.get_command(alone)
    command.name = name
    return command


def print_refusal(refusal: Refusal) -> None:
    """The sentence and its field errors, in red on standard error."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(for_terminal(refusal.message), style="red", markup=False)
    for error in refusal.errors:
        if error.message != refusal.message:
            console.print(for_terminal(f"  {error.field}: {error.message}"), style="red", markup=False)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lex {version('lex')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Lex: a shop for goods, bookable services and memberships."""


if __name__ == "__main__":
    app()
