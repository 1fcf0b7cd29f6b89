"""One's own data: copies of everything, and being erased."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from lex.flows.own_data.erasure import ask_erasure, cancel_erasure, look_ahead
from lex.flows.own_data.export import ask_export, fetch_export, get_export, list_exports
from lex.identity.own_data import Export
from lex.web.api.account_changes import Proof
from lex.web.kit import rates
from lex.web.kit.attachments import attachment
from lex.web.kit.guards import by_session
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import SESSION
from lex.web.kit.problems import problems


class ExportView(msgspec.Struct, frozen=True):
    """A copy of one's data. It can be fetched from when it is `ready` until `expires_at`."""

    id: UUID
    status: str
    done_parts: int
    all_parts: int
    size_bytes: int | None
    created_at: datetime
    expires_at: datetime | None


class Exports(msgspec.Struct, frozen=True):
    """One's copies, the newest first."""

    exports: list[ExportView]


class ErasureView(msgspec.Struct, frozen=True):
    """Whether one is to be erased, and what must come to its end before. `due_at` is null when one has not asked."""

    due_at: datetime | None
    asked_at: datetime | None
    orders_that_stay: int
    open_orders: list[str]
    subscriptions: int
    bookings: int


class ErasureWish(msgspec.Struct, frozen=True):
    """When one will be erased."""

    due_at: datetime


def _view(export: Export) -> ExportView:
    until = export.expires_at if export.status == "ready" else None
    parts = (export.done_parts, export.all_parts, export.size_bytes)
    return ExportView(export.id, export.status, *parts, export.created_at, until)


@post(
    "/account/exports",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="askExport",
    summary="Ask for a copy of one's data",
    status_code=202,
    responses=problems(409, 429),
)
async def ask(request: Request[Any, Any, Any], data: JSONBody[Proof], actor: CurrentActor) -> ExportView:
    """A job makes it, a mail says when it is ready. One at a time, and a few a day."""
    await rates.count_for_accounts("sign-in", request)
    return _view(await ask_export(actor, data.password))


@get(
    "/account/exports",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="listExports",
    summary="Copies of one's data",
)
async def list_all(actor: CurrentActor) -> Exports:
    """Those that are made, or being made; removed ones are left out."""
    return Exports([_view(one) for one in await list_exports(actor)])


@get(
    "/account/exports/{export_id:uuid}",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="getExport",
    summary="How far a copy has come",
    responses=problems(404),
)
async def read(export_id: FromPath[UUID], actor: CurrentActor) -> ExportView:
    """`done_parts` of `all_parts` are written."""
    return _view(await get_export(actor, export_id))


@post(
    "/account/exports/{export_id:uuid}/file",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="fetchExport",
    summary="Fetch a copy of one's data",
    is_compressed=True,
    status_code=200,
    responses={
        200: ResponseSpec(bytes, description="A zip of JSON and CSV files.", media_type="application/zip"),
        **problems(404, 410, 429),
    },
)
async def fetch(
    request: Request[Any, Any, Any], export_id: FromPath[UUID], data: JSONBody[Proof], actor: CurrentActor
) -> Stream:
    """By the password once more. 410 while it is being made, and once it is removed."""
    await rates.count_for_accounts("sign-in", request)
    return attachment(await fetch_export(actor, export_id, data.password))


@get(
    "/account/erasure",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="getErasure",
    summary="Whether one is to be erased",
)
async def outlook(actor: CurrentActor) -> ErasureView:
    """And what is open: orders, memberships and bookings that must come to their end first."""
    found = await look_ahead(actor)
    met, asked = found.standing, found.request
    due_at, asked_at = (asked.due_at, asked.created_at) if asked else (None, None)
    return ErasureView(due_at, asked_at, met.orders, met.open_orders, met.subscriptions, met.bookings)


@post(
    "/account/erasure",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="askErasure",
    summary="Ask to be erased",
    status_code=202,
    responses=problems(409, 429),
)
async def erase(request: Request[Any, Any, Any], data: JSONBody[Proof], actor: CurrentActor) -> ErasureWish:
    """Orders stay in the books without a name, everything else about one goes. It can be taken back until `due_at`."""
    await rates.count_for_accounts("sign-in", request)
    return ErasureWish((await ask_erasure(actor, data.password)).due_at)


@delete(
    "/account/erasure",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="cancelErasure",
    summary="Take it back",
    status_code=204,
    responses=problems(404),
)
async def cancel(actor: CurrentActor) -> None:
    """Everything stays as it is."""
    await cancel_erasure(actor)


routes = [ask, list_all, read, fetch, outlook, erase, cancel]
