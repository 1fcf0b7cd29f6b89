"""Drive one scenario with a number of connections, and count."""

import asyncio
import random
import time
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.cpu import Cpu, Meter
from bench.goods import Goods
from bench.http import Connection, connect
from bench.scenario import Scenario, Wrong
from bench.statements import Counter

WARM_UP = 3.0  # seconds, twice: before the new rows are analysed and after, so that plans fit and are prepared
PREPARED = 250  # operations of a warm-up at least: every connection has prepared every statement by then


@dataclass
class Result:
    """What was measured. `latencies` in seconds, one an operation; `shares` is the CPU of each web process.
    `less` are the CPU ms that the scenario takes off."""

    scenario: Scenario
    seconds: float
    latencies: list[float]
    cpu: Cpu
    shares: list[float]
    statements: int | None
    errors: Tally[str] = field(default_factory=Tally)
    less: float = 0.0

    @property
    def operations(self) -> int:
        """Operations that were right from beginning to end."""
        return len(self.latencies)

    def percentile(self, part: float) -> float:
        """Milliseconds that this part of the operations stayed below."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000 if ordered else float("nan")

    def per_operation(self, amount: float) -> float:
        """An amount divided by all operations, failed ones too: they cost as well."""
        return amount / max(self.operations + self.errors.total(), 1)


async def drive(
    url: str,
    scenario: Scenario,
    goods: Goods,
    meter: Meter,
    counter: Counter,
    settle: Callable[[], object],
    *,
    connections: int,
    seconds: float,
) -> Result:
    """Warm up, then measure. Each connection does one operation after the other, with dice of its own.

    `settle` brings the table statistics up to date, as autovacuum does within a minute.
    """
    opened = []
    for _ in range(connections):
        opened.append(await connect(url))
        await asyncio.sleep(0.02)  # one after the other, or one web process takes them all
    await _load(url, opened, scenario, goods, WARM_UP, PREPARED)
    settle()
    await _load(url, opened, scenario, goods, WARM_UP, PREPARED)
    cpu, shares, statements, began = meter.read(), meter.shares(), counter.read(), time.monotonic()
    latencies, errors = await _load(url, opened, scenario, goods, seconds)
    result = Result(
        scenario,
        time.monotonic() - began,
        latencies,
        meter.read().since(cpu),
        [after - before for after, before in zip(meter.shares(), shares, strict=True)],
        None,
        errors,
    )
    result.less = scenario.less() if scenario.less else 0.0
    after = counter.read()
    if after is not None and statements is not None:
        result.statements = after - statements
    for connection in opened:
        connection.close()
    return result


async def _load(
    url: str, opened: list[Connection], scenario: Scenario, goods: Goods, seconds: float, least: int = 0
) -> tuple[list[float], Tally[str]]:
    latencies: list[float] = []
    errors: Tally[str] = Tally()
    until = time.monotonic() + seconds

    async def client(number: int) -> None:
        dice = random.Random(f"{least}:{number}")
        while (began := time.monotonic()) < until or len(latencies) + errors.total() < least:
            try:
                await scenario.operation(opened[number], goods, dice)
                latencies.append(time.monotonic() - began)
            except Wrong as error:
                errors[str(error)] += 1
            except ConnectionError as error:
                errors[str(error)] += 1
                opened[number] = await connect(url)

    await asyncio.gather(*(client(number) for number in range(len(opened))))
    return latencies, errors
