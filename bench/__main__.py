"""`python -m bench` (or `make bench`): speed and cost of the production server. docs/bench.md says how to read it."""

import argparse
import sys
from contextlib import suppress

import uvloop
from rich.console import Console

from bench import memory, pgbench
from bench.drive import drive
from bench.report import Line, print_lines, print_memory
from bench.scenario import Scenario
from bench.scenarios import PAGES, SCENARIOS
from bench.stand import Stand, ground
from tests.support.server import WEB

console = Console(highlight=False, width=160 if not sys.stdout.isatty() else None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="names of scenarios, separated by commas; `list` is all three lists")
    parser.add_argument("--pages", action="store_true", help="the HTML pages instead of the API")
    parser.add_argument("--caches", choices=("off", "on", "both"), default="both", help="on: reads only")
    parser.add_argument("--seconds", type=float, default=10, help="how long each scenario is measured")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2, help="web processes")
    parser.add_argument("--hold", action="store_true", help="serve until Enter instead of measuring, for a profiler")
    parser.add_argument("--no-pgbench", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Measure and print; 1 when any answer was wrong."""
    options = _options()
    offered = PAGES if options.pages else SCENARIOS
    named, families = set(filter(None, options.only.split(","))), {scenario.family for scenario in offered}
    if named - families:
        unknown = ", ".join(sorted(named - families))
        console.print(f"No scenario is named {unknown}; there are {', '.join(sorted(families))}.", style="red")
        return 2
    wanted = [scenario for scenario in offered if not named or scenario.family in named]
    console.print("Loading 10,000 products …", style="dim")
    lines: list[Line] = []
    with ground() as shop:
        for caches in (False, True) if options.caches == "both" else (options.caches == "on",):
            with shop.stand(options.workers, caches=caches) as ready:
                if options.hold:
                    return _hold(ready)
                here = wanted if options.caches == "on" or not caches else [s for s in wanted if s.is_cached]
                measured = [_measure(ready, scenario, options, compare=not caches) for scenario in here]
            print_lines(console, _title(options, caches=caches), measured)
            lines += measured
    console.print("p50 to p99: ms of one operation. app, PostgreSQL, pgbench: CPU ms of one operation.", style="dim")
    if not options.no_memory:
        print_memory(console, memory.idle())
    return int(any(line.result.errors for line in lines))


def _title(options: argparse.Namespace, *, caches: bool) -> str:
    return (
        f"Caches {'on' if caches else 'off'}: {options.connections} connections, {options.workers} web processes, "
        f"{options.seconds:g} s each"
    )


def _hold(ready: Stand) -> int:
    pids = " ".join(str(process.pid) for process in ready.server.processes(WEB))
    console.print(f"{ready.server.url}, web processes {pids}. Enter ends it.")
    with suppress(KeyboardInterrupt, EOFError):
        input()
    return 0


def _measure(ready: Stand, scenario: Scenario, options: argparse.Namespace, *, compare: bool) -> Line:
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
    program = pgbench.find()
    if program is None or scenario.query is None or options.no_pgbench or not compare:
        return Line(result, None)
    query = scenario.query()
    baseline = pgbench.run(program, query, ready.database_url, ready.meter, connections=options.connections, seconds=5)
    return Line(result, baseline)


if __name__ == "__main__":
    sys.exit(main())
