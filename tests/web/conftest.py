"""The application over a database of its own, called as a client calls it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar

from lex.adapters import cache
from lex.core import actor
from lex.core.settings import Settings, settings
from lex.db.session import transaction
from lex.identity.commands import create_api_key, create_user
from lex.ops import logs
from lex.web.app import create_app
from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.web import probe

Client = httpx.AsyncClient


@pytest.fixture(scope="session")
def web_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all tests of a process: the key ring in it is read once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def shared_database(cluster: Cluster, template: str) -> Iterator[str]:
    """One database for the tests of a module that leave nothing behind another would trip over."""
    yield from temporary_database(cluster, template)


@pytest.fixture
def web_database(request: pytest.FixtureRequest) -> str:
    """The application's database: the test's own when it asks for `database_url`, else its module's."""
    name = "database_url" if "database_url" in request.fixturenames else "shared_database"
    return str(request.getfixturevalue(name))


@pytest.fixture
def web_settings(
    web_database: str, redis_url: str, web_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """Settings of the application under test; a test sets more through it before it asks for `client`."""
    monkeypatch.setenv("DATABASE_URL", web_database)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("LEX_HOME", str(web_home))
    monkeypatch.setenv("LEX_LOG_LEVEL", "warning")
    monkeypatch.setenv("LEX_PASSWORD_COST", "4")
    for limit in ("ORDERS", "ORDERS_OF_BUYER", "CARTS", "PAYMENTS"):  # a day's trade comes from one address here
        monkeypatch.setenv(f"LEX_MOST_{limit}", "1000")
    monkeypatch.setenv("LEX_API_RATE_OF_STRANGERS", "1000")
    monkeypatch.setattr(cache, "_TIMEOUT", 10.0)  # what Redis counts is counted, however busy the machine
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@lru_cache(maxsize=8)
def _built(_: Settings) -> Litestar:
    """The application, with the probe's routes beside its own: to register all routes takes longer than most tests."""
    made = create_app()
    for route in probe.routes:
        made.register(route)
    return made


@pytest.fixture
def app(web_settings: pytest.MonkeyPatch) -> Litestar:
    """The application as this test sets it; where its servers are it asks when it starts."""
    logs.configure(settings())  # anew: it writes to where this test's output goes
    return _built(replace(settings(), database_url="", redis_url=""))


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[Client]:
    """A client of the running application; a bug answers 500 instead of raising."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://shop.test") as started:
        yield started


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[None]:
    """The application started, in this event loop; one task of its own enters and leaves its lifespan, as it must."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    life = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        waiting.cancel()
        await life
    yield
    stop.set()
    await life


@pytest.fixture
def key(client: Client) -> Any:
    """`await key("admin", scopes=…)`: headers of an API key of somebody with that role."""

    async def made(role: str, scopes: list[str] | None = None) -> dict[str, str]:
        async with transaction(actor.system()) as session:
            person = await create_user(session, role=role, email=f"{role}-{uuid4()}@example.org")
            secret = await create_api_key(session, person.id, "test", scopes=scopes)
        return {"Authorization": f"Bearer {secret}"}

    return made


def field_codes(answer: httpx.Response) -> dict[str, str]:
    """The bad fields a problem lists, with their codes."""
    return {fault["field"]: fault["code"] for fault in answer.json()["errors"]}
