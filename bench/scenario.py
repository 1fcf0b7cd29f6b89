"""What a scenario is: one operation as a client does it, with everything in its answers checked."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bench.goods import Goods
from bench.http import Answer, Connection

Operation = Callable[[Connection, Goods, random.Random], Awaitable[None]]


class Wrong(Exception):
    """An answer that is not what it must be."""


@dataclass(frozen=True, slots=True)
class Query:
    """The statement behind a read, for pgbench. `varying` names the parameter that changes from call to call;
    `value` is SQL for it with `:n`, a random number from 1 to `most`."""

    statement: str
    params: dict[str, Any]
    varying: str
    value: str
    most: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the report. `target` is CPU ms of application and PostgreSQL per operation, where there is one.
    `is_cached`: caches may answer it, so it is measured with them on too. `less` measures the CPU ms of one operation
    that are spent on purpose; they are taken off the application's."""

    name: str
    about: str
    operation: Operation
    target: tuple[float, float] | None = None
    query: Callable[[], Query] | None = None
    is_cached: bool = False
    less: Callable[[], float] | None = None

    @property
    def family(self) -> str:
        """The name before its comma: what it is chosen by."""
        return self.name.partition(",")[0]


def expect(answer: Answer, status: int) -> Any:
    """The JSON of an answer that must have this status."""
    if answer.status != status:
        raise Wrong(f"{answer.status} instead of {status}: {answer.body[:300].decode('utf-8', 'replace')}")
    return answer.json()


def check(is_right: bool, what: object) -> None:
    """Raise `Wrong` unless it is right."""
    if not is_right:
        raise Wrong(str(what)[:300])
