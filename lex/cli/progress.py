"""The progress bar of long commands, on standard error, and only on a terminal."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_errors = Console(stderr=True, soft_wrap=True, highlight=False)


def bar() -> Progress:
    """A bar that disappears when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=_errors, transient=True, disable=not _errors.is_terminal)


def advance(shown: Progress, words: str) -> Callable[[int, int], None]:
    """What a flow calls with how much is done, and how much there is in all."""
    task = shown.add_task(words, total=None)
    return lambda done, total: shown.update(task, completed=done, total=total)
