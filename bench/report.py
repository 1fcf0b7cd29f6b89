"""The report: one table for caches off, one for caches on, what was wrong, and what idleness weighs."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench import memory
from bench.drive import Result
from bench.pgbench import Baseline

_COLUMNS = (
    *("", "per s", "p50", "p95", "p99", "errors", "statements", "app", "PostgreSQL", "target", "pgbench", "ratio"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One scenario measured, beside its statement by pgbench."""

    result: Result
    baseline: Baseline | None


def print_lines(console: Console, title: str, lines: list[Line]) -> None:
    """The table, then web processes that shared the work badly, and the first wrong answers."""
    table = Table(title=title)
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name else "left")
    for line in lines:
        table.add_row(*_cells(line))
    console.print(table)
    for line in lines:
        result = line.result
        shares = [share / max(sum(result.shares), 1e-9) for share in result.shares]
        if max(shares, default=0) > 0.7:
            told = " : ".join(f"{share:.0%}" for share in shares)
            console.print(f"{result.scenario.name}: the web processes shared the work {told}.", style="yellow")
        for what, times in result.errors.most_common(3):
            console.print(f"{result.scenario.name}: {times} × {what}", style="red", markup=False)


def _cells(line: Line) -> list[str]:
    result, baseline = line.result, line.baseline
    target, database = result.scenario.target, result.per_operation(result.cpu.database) * 1000
    return [
        result.scenario.name,
        f"{result.operations / result.seconds:.0f}",
        *(f"{result.percentile(part):.1f}" for part in (0.5, 0.95, 0.99)),
        str(result.errors.total()),
        "–" if result.statements is None else f"{result.per_operation(result.statements):.1f}",
        f"{result.per_operation(result.cpu.app) * 1000 - result.less:.2f}",
        f"{database:.2f}",
        "" if target is None else f"{target[0]:g} + {target[1]:g}",
        "" if baseline is None else f"{baseline.cpu:.2f} ({baseline.per_second:.0f}/s)",
        "" if baseline is None else f"{database / max(baseline.cpu, 1e-9):.1f}",
    ]


def print_memory(console: Console, weights: dict[str, float]) -> None:
    """MB of PSS of everything, and of what."""
    total = sum(weights.values())
    parts = ", ".join(f"{kind} {weight:.0f}" for kind, weight in sorted(weights.items(), key=lambda one: -one[1]))
    style = "red" if total > memory.MOST else None
    console.print(f"Idle: {total:.0f} MB of {memory.MOST:.0f} ({parts}).", style=style)
