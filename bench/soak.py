"""`python -m bench.soak` (or `make soak`): buyers at the production server while its processes are killed.

Afterwards the history of what they were told is compared with the database, all invariants are checked, and
`lex stock verify` must find no drift.
"""

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import uvloop
from rich.console import Console

from bench.buyers import Line, Market
from bench.verdict import figures, judge
from lex.cli.exported import exported
from lex.embedded import Servers, servers
from lex.ops import migrations
from tests.support.server import WEB, WORKER, Server, serving
from tests.support.shop import Shop

REST = 300.0  # seconds the shop may take to come to rest
console = Console(highlight=False)

_BACKENDS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename ~ '^lex_' AND application_name LIKE 'lex%' AND random() < 0.5
"""
_WAITING = """
SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'default' AND status IN ('todo', 'doing')
"""
_UNDECIDED = "SELECT DISTINCT order_id::text FROM payment_attempts WHERE status IN ('sending', 'unknown', 'processing')"


@dataclass
class Trouble:
    """Kills something every few seconds."""

    server: Server
    admin_url: str
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    done: Counter[str] = field(default_factory=Counter)

    async def make(self, seconds: float, pause: float) -> None:
        """Until the time is over; the last pause is undisturbed."""
        until = time.monotonic() + seconds
        while time.monotonic() + pause < until:
            await asyncio.sleep(pause)
            await asyncio.to_thread(self.dice.choice((self._web, self._worker, self._backends)))

    def _web(self) -> None:
        self._kill(WEB, "web processes killed")

    def _worker(self) -> None:
        self._kill(WORKER, "workers killed")

    def _kill(self, module: str, what: str) -> None:
        running = self.server.processes(module)
        if running:
            with suppress(ProcessLookupError):
                os.kill(self.dice.choice(running).pid, signal.SIGKILL)
                self.done[what] += 1

    def _backends(self) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            self.done["database connections cut"] += connection.execute(_BACKENDS).rowcount


def main() -> int:
    """Run, check and print; 1 when anything promised does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--pause", type=float, default=5, help="seconds between two kills")
    parser.add_argument("--buyers", type=int, default=24)
    parser.add_argument("--history", type=Path, default=None, help="where to keep the history")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="lex-soak-") as folder,
        exported({"LEX_HOME": folder}),
        servers(Path(folder)) as started,
    ):
        migrations.upgrade(started.database_url)
        shop = Shop(None, started.database_url)
        skus = [shop.product(stock=200).sku for _ in range(12)]
        environment = {
            "DATABASE_URL": started.database_url,
            "REDIS_URL": started.redis_url,
            "LEX_HOME": folder,
            "LEX_LOG_LEVEL": "error",
        }
        with serving(environment, Path(folder) / "soak.log", worker=True) as server:
            market = Market(server.url, skus, options.history or Path(folder) / "history.jsonl")
            trouble = Trouble(server, started.admin_database_url)
            uvloop.run(_run(market, trouble, started, options))
            found = judge(started.database_url, market.deeds)
            verified = subprocess.run(
                [sys.executable, "-m", "lex.cli.main", "stock", "verify"],
                env={**os.environ, **environment},
                check=False,
            )
    _print(market, trouble, found)
    return int(bool(found) or verified.returncode != 0)


async def _run(market: Market, trouble: Trouble, started: Servers, options: argparse.Namespace) -> None:
    until = time.monotonic() + options.seconds
    console.print(f"{options.buyers} buyers for {options.seconds:g} s, something is killed every {options.pause:g} s …")
    buyers = [market.buyer(number, lambda: time.monotonic() < until) for number in range(options.buyers)]
    await asyncio.gather(trouble.make(options.seconds, options.pause), *buyers)
    console.print("Coming to rest …")
    await _rest(market, started)


async def _rest(market: Market, started: Servers) -> None:
    """Buyers look at their orders again, which asks the provider; the worker does what waits."""
    until = time.monotonic() + REST
    tokens = {deed.order: deed.token for deed in market.deeds if deed.order}
    line = Line(market, random.Random(0))
    with psycopg.connect(started.database_url, autocommit=True) as connection:
        while time.monotonic() < until:
            undecided = [row[0] for row in connection.execute(_UNDECIDED)]
            for order in undecided:
                if order in tokens:
                    path = f"/api/v1/orders/{order}/payments/refresh"
                    await line.ask("POST", path, x_order_token=tokens[order])
            waiting = connection.execute(_WAITING).fetchone()
            if not undecided and waiting is not None and waiting[0] == 0:
                break
            await asyncio.sleep(1)
    line.hang_up()


def _print(market: Market, trouble: Trouble, found: list[str]) -> None:
    for what, number in sorted(trouble.done.items()):
        console.print(f"{what}: {number}")
    console.print(f"requests without an answer: {market.lost}")
    for fault, number in sorted(market.faults.items()):
        console.print(f"answers {fault}: {number}")
    for what, told in figures(market.deeds):
        console.print(f"{what}: {told}")
    for sentence in found[:20]:
        console.print(sentence, style="red", markup=False)
    console.print(f"promises broken: {len(found)}", style="red" if found else "green")


if __name__ == "__main__":
    sys.exit(main())
