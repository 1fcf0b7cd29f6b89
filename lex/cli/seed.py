"""`lex seed`: fill a shop with invented products, buyers and past orders, to see how it behaves with size."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from lex.cli.context import environment
from lex.core import codec
from lex.ops.seeding import Wish
from lex.ops.seeding import seed as make

console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)


def seed(
    products: Annotated[int, typer.Option(help="Products and variants to make.")] = 10_000,
    orders: Annotated[int, typer.Option(help="Orders to make, most of them paid and completed.")] = 20_000,
    buyers: Annotated[
        int | None, typer.Option(help="Buyers to make; else one for fifty orders, 5,000 at most.")
    ] = None,
    days: Annotated[int, typer.Option(help="Over how many past days the orders are spread.")] = 730,
    number: Annotated[int, typer.Option("--seed", help="The same number draws the same goods and orders.")] = 1,
    add: Annotated[bool, typer.Option("--add", help="Put it into a shop that is not empty.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Load invented products, buyers and past orders into an empty shop. Never into one in production."""
    wish = Wish(products=products, orders=orders, buyers=buyers, days=days, seed=number, add=add)
    with environment(cache=False) as config, _bar() as bar:
        tasks = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        made = make(config, wish, told)
    if as_json:
        typer.echo(codec.encode(made).decode())
        return
    console.print(f"Made {made.products:,} products, {made.buyers:,} buyers and {made.orders:,} orders.")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """How many a second."""
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
