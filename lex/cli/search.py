"""`lex search rebuild`: bring the search to the language of LEX_SEARCH_LANGUAGE, and count its words anew."""

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lex.cli.context import environment
from lex.ops import searching

app = typer.Typer(help="Search: its language and its words.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)


@app.callback()
def main() -> None:
    """Search: its language and its words."""


@app.command()
def rebuild() -> None:
    """Search in the language of LEX_SEARCH_LANGUAGE. The shop may be open; a broken off run is simply repeated."""
    with environment(cache=False) as config:
        before = searching.language(config.database_url)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("Computing", total=None)
            for done, total in searching.rebuild(config.database_url, config.search_language):
                progress.update(task, completed=done, total=total)
    change = "" if before == config.search_language else f" instead of {before}"
    console.print(f"Searches are in {config.search_language}{change}.")
