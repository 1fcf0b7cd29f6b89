"""The web application of one process: `uvicorn lex.web.app:create_app --factory`."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from litestar import Litestar, Request
from litestar.config.compression import CompressionConfig
from litestar.di import Provide

from lex.adapters import cached
from lex.core.errors import Refusal
from lex.core.settings import settings
from lex.db import session
from lex.flows.accounts.api_keys import write_uses
from lex.identity import sessions
from lex.ops import logs
from lex.web import sandbox
from lex.web.admin import admin_routes
from lex.web.api import api_routes
from lex.web.kit import api_rates, bodies, metrics, rates, templates
from lex.web.kit.acting import look_for_acting
from lex.web.kit.actors import current_actor
from lex.web.kit.edge import Edge
from lex.web.kit.negotiation import refuse_unusable
from lex.web.kit.problems import answer_problem
from lex.web.pages import page_routes
from lex.web.storefront import storefront_routes
from lex.web.storefront.frame import frame

_SAMPLE_SECONDS = 5.0
_USES_SECONDS = 10.0


def create_app() -> Litestar:
    """The application; it opens database and cache when it starts and closes them when it stops."""
    logs.configure(settings())
    app = Litestar(
        route_handlers=[*api_routes(), *page_routes(), *storefront_routes(), *admin_routes(), *sandbox.routes()],
        lifespan=[_database, _noting_uses, _sampling],
        dependencies={"actor": Provide(current_actor)},
        before_request=_before_request,
        exception_handlers={Exception: partial(answer_problem, around=frame)},
        request_class=bodies.Request,
        request_max_body_size=bodies.MAX_BODY,
        compression_config=CompressionConfig(
            backend="brotli", brotli_quality=4, minimum_size=500, exclude_opt_key="is_compressed"
        ),
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = Edge(app.asgi_handler)
    return app


async def _before_request(request: Request[Any, Any, Any]) -> None:
    await refuse_unusable(request)
    await look_for_acting(request)


@asynccontextmanager
async def _database(_: Litestar) -> AsyncIterator[None]:
    config = settings()
    await session.connect(config.database_url, pool_size=config.pool_size, public=True)
    if config.cache and config.redis_url:
        cached.connect(config.redis_url, templates.build())
    if config.redis_url:
        sessions.connect(config.redis_url)
        rates.connect(config.redis_url)
        api_rates.forget()
    try:
        yield
    finally:
        await rates.disconnect()
        await sessions.disconnect()
        await cached.disconnect()
        await session.disconnect()


@asynccontextmanager
async def _noting_uses(_: Litestar) -> AsyncIterator[None]:
    """Writes down when API keys were used, apart from the requests; what is left when the process ends, too."""
    async with _beside(_note_uses_forever()):
        yield
    with suppress(Refusal, psycopg.Error):
        await write_uses()


async def _note_uses_forever() -> None:
    while True:
        await asyncio.sleep(_USES_SECONDS)
        with suppress(Refusal, psycopg.Error):  # the database is gone for a while; readiness says so
            await write_uses()


@asynccontextmanager
async def _sampling(_: Litestar) -> AsyncIterator[None]:
    """Keeps this process's numbers fresh for whichever process answers /metrics."""
    async with _beside(_sample_forever()):
        yield
    metrics.leave()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that goes on beside the requests, until the process stops."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sample_forever() -> None:
    while True:
        metrics.sample()
        await asyncio.sleep(_SAMPLE_SECONDS)
