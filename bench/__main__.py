"""`python -m bench` (or `make bench`): speed and cost of the production server. docs/bench.md says how to read it."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench import goods, pgbench
from bench.cpu import Meter
from bench.drive import Result, drive
from bench.goods import Goods
from bench.pgbench import Baseline
from bench.scenarios import SCENARIOS
from bench.statements import Counter
from lex.embedded import servers
from lex.ops import migrations
from tests.support.server import WEB, Server, serving

console = Console(highlight=False, width=150 if not sys.stdout.isatty() else None)


@dataclass(frozen=True, slots=True)
class Stand:
    """The running server and what measures it."""

    server: Server
    database_url: str
    goods: Goods
    meter: Meter
    counter: Counter

    def settle(self) -> None:
        """Analyse what has grown."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("ANALYZE")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="names of scenarios, separated by commas")
    parser.add_argument("--seconds", type=float, default=10, help="how long each scenario is measured")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2, help="web processes")
    parser.add_argument("--hold", action="store_true", help="serve until Enter instead of measuring, for a profiler")
    parser.add_argument("--cache", choices=("on", "off"), default="off", help="whether Redis keeps finished lists")
    parser.add_argument("--no-pgbench", action="store_true")
    return parser.parse_args()


@contextmanager
def stand(workers: int, *, cache: bool = False) -> Iterator[Stand]:
    """A fresh database with the goods, on servers that survive a power cut, and the web processes over it."""
    with tempfile.TemporaryDirectory(prefix="lex-bench-") as folder, servers(Path(folder)) as started:
        migrations.upgrade(started.database_url)
        console.print("Loading 10,000 products …", style="dim")
        loaded = goods.load(started.database_url)
        environment = {
            "DATABASE_URL": started.database_url,
            "REDIS_URL": started.redis_url,
            "LEX_HOME": folder,
            "LEX_CACHE": str(cache),
            "LEX_LOG_FORMAT": "json",
        }
        with serving(environment, Path(folder) / "bench.log", web=workers) as server:
            meter = Meter(server.processes(WEB), started.database_url)
            yield Stand(server, started.database_url, loaded, meter, Counter(started.admin_database_url, "lex"))


def main() -> int:
    """Measure and print; 1 when any answer was wrong."""
    options = _options()
    wanted = [scenario for scenario in SCENARIOS if not options.only or scenario.name in options.only.split(",")]
    with stand(options.workers, cache=options.cache == "on") as ready:
        if options.hold:
            pids = " ".join(str(process.pid) for process in ready.server.processes(WEB))
            console.print(f"{ready.server.url}, web processes {pids}. Enter ends it.")
            with suppress(KeyboardInterrupt, EOFError):
                input()
            return 0
        results: list[tuple[Result, Baseline | None]] = []
        for scenario in wanted:
            console.print(f"{scenario.name}: {scenario.about} …", style="dim")
            result = uvloop.run(
                drive(
                    ready.server.url,
                    scenario,
                    ready.goods,
                    ready.meter,
                    ready.counter,
                    ready.settle,
                    connections=options.connections,
                    seconds=options.seconds,
                )
            )
            results.append((result, None if options.no_pgbench else _baseline(ready, result, options.connections)))
    _print(results, options)
    return int(any(result.errors for result, _ in results))


def _baseline(ready: Stand, result: Result, connections: int) -> Baseline | None:
    program = pgbench.find()
    if program is None or result.scenario.query is None:
        return None
    query = result.scenario.query()
    return pgbench.run(program, query, ready.database_url, ready.meter, connections=connections, seconds=5)


def _print(results: list[tuple[Result, Baseline | None]], options: argparse.Namespace) -> None:
    table = Table(
        title=f"{options.connections} connections, {options.workers} web processes, {options.seconds:g} s each, "
        f"cache {options.cache}"
    )
    for name in ("", "per s", "p50", "p95", "p99", "errors", "statements", "app", "PostgreSQL", "target", "pgbench"):
        table.add_column(name, justify="left" if not name else "right")
    for result, baseline in results:
        target = result.scenario.target
        table.add_row(
            result.scenario.name,
            f"{result.operations / result.seconds:.0f}",
            *(f"{result.percentile(part):.1f}" for part in (0.5, 0.95, 0.99)),
            str(result.errors.total()),
            "–" if result.statements is None else f"{result.per_operation(result.statements):.1f}",
            f"{result.per_operation(result.cpu.app) * 1000:.2f}",
            f"{result.per_operation(result.cpu.database) * 1000:.2f}",
            "" if target is None else f"{target[0]:g} + {target[1]:g}",
            "" if baseline is None else f"{baseline.cpu:.2f} ({baseline.per_second:.0f}/s)",
        )
    console.print(table)
    console.print("p50 to p99: ms of one operation. app, PostgreSQL, pgbench: CPU ms of one operation.", style="dim")
    for result, _ in results:
        shares = [share / max(sum(result.shares), 1e-9) for share in result.shares]
        if max(shares, default=0) > 0.7:
            told = " : ".join(f"{share:.0%}" for share in shares)
            console.print(f"{result.scenario.name}: the web processes shared the work {told}.", style="yellow")
        for what, times in result.errors.most_common(3):
            console.print(f"{result.scenario.name}: {times} × {what}", style="red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
