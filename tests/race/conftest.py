"""Races: many clients at once, over HTTP, against the production server: two web processes and the job worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from lex.core.settings import settings
from lex.db import session
from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.support.invariants import broken
from tests.support.server import Server, serving
from tests.support.shop import Order, Shop
from tests.web.conftest import web_home

__all__ = ["web_home"]

CLIENTS = 120
QUIET = 30.0  # seconds the worker may take to do what a race left behind
T = TypeVar("T")

_DUE = """
SELECT count(*) AS number FROM procrastinate_jobs
WHERE status = 'doing' OR status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a race."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.race)


@pytest.fixture(scope="session")
def race_database_url(cluster: Cluster, template: str) -> Iterator[str]:
    """One database for all races: the server takes longer to start than a race to run."""
    yield from temporary_database(cluster, template)


@pytest.fixture(scope="session")
def environment(race_database_url: str, cluster: Cluster, web_home: Path) -> dict[str, str]:
    """What the server and the tests' own flows both see."""
    return {
        "DATABASE_URL": race_database_url,
        "REDIS_URL": cluster.redis_url,
        "LEX_HOME": str(web_home),
        "LEX_LOG_LEVEL": "warning",
        "LEX_LOG_FORMAT": "text",
        "LEX_PASSWORD_COST": "4",
    }


@pytest.fixture(scope="session")
def server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The production server."""
    with serving(environment, tmp_path_factory.mktemp("server") / "log", worker=True) as started:
        yield started


@pytest.fixture(scope="session")
def furnished(race_database_url: str) -> Iterator[Shop]:
    """Tax rates and shipping methods, once per database."""
    shop = Shop(None, race_database_url)
    yield shop
    shop.db.close()


@pytest.fixture
async def shop(server: Server, furnished: Shop, race_database_url: str) -> AsyncIterator[Shop]:
    """The shop over HTTP, with room for every client at once; afterwards all invariants hold and nothing crashed."""
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS, keepalive_expiry=2)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60, trust_env=False) as client:
        furnished.client = client
        yield furnished
    await calm(furnished)
    assert broken(race_database_url) == {}
    assert "Traceback" not in server.log.read_text("utf-8"), server.tail()


@pytest.fixture
async def flows(environment: dict[str, str], shop: Shop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Flows run in this process too, on the same database: a job, or the making of a person."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    await session.connect(environment["DATABASE_URL"])
    yield
    await session.disconnect()
    settings.cache_clear()


async def calm(shop: Shop) -> None:
    """Wait until the worker has nothing left to do."""
    until = time.monotonic() + QUIET
    while shop.one(_DUE)["number"]:
        assert time.monotonic() < until, "the worker does not come to rest"
        await asyncio.sleep(0.05)


async def at_once(works: Iterable[Awaitable[T]]) -> list[T]:
    """All results, begun together."""
    return await asyncio.gather(*works)


def statuses(answers: Iterable[httpx.Response]) -> dict[int, int]:
    """How often each status came."""
    counted: dict[int, int] = {}
    for answer in answers:
        counted[answer.status_code] = counted.get(answer.status_code, 0) + 1
    return dict(sorted(counted.items()))


def codes(answers: Iterable[httpx.Response]) -> set[str]:
    """The codes of the refusals among some answers."""
    return {answer.json()["code"] for answer in answers if answer.status_code >= 400}


def order_of(answer: httpx.Response) -> Order:
    """The order an answer placed."""
    return Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})


async def cancel(shop: Shop, order: Order) -> httpx.Response:
    """Try to cancel an order as its buyer."""
    answer: httpx.Response = await shop.client.post(f"{order.path}/cancel", headers=order.headers)
    return answer


async def refresh(shop: Shop, order: Order, after: float = 0) -> httpx.Response:
    """Come back from the bank: ask what became of the payment."""
    await asyncio.sleep(after)
    answer: httpx.Response = await shop.client.post(f"{order.path}/payments/refresh", headers=order.headers)
    return answer
