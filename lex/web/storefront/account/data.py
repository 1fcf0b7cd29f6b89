"""One's own data: a copy of everything, and the end of it."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get, post
from litestar.response import Stream

from lex.core.actor import Actor
from lex.core.errors import NotFound, Refusal
from lex.core.settings import settings
from lex.flows.own_data.erasure import ask_erasure, cancel_erasure, look_ahead
from lex.flows.own_data.export import ask_export, fetch_export, list_exports
from lex.web.kit.attachments import attachment
from lex.web.kit.forms import read_form
from lex.web.kit.guards import by_session, own_form, signed_in
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.rates import count_for_accounts
from lex.web.storefront.account.pages import show
from lex.web.storefront.visitor import see_other

_PAGE = "/account/data"


@get(_PAGE, guards=[by_session], include_in_schema=False, media_type=MediaType.HTML)
async def data(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The newest copy and how far it has come; what erasing means."""
    return await _show(request, actor)


async def _show(
    request: Request[Any, Any, Any], actor: Actor, refusal: Refusal | None = None, part: str = ""
) -> Response[Any]:
    """The page; `part` is the form whose refusal is told."""
    exports = await list_exports(actor)
    facts = {
        "export": next((one for one in exports if one.is_open or one.is_ready), None),
        "outlook": await look_ahead(actor),
        "export_days": settings().export_days,
        "erasure_days": settings().erasure_days,
        "done": request.query_params.get("done", ""),
        "part": part,
    }
    return await show(request, "data", None, refusal, **facts)


@post(f"{_PAGE}/exports", guards=[by_session, own_form], include_in_schema=False)
async def ask(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Have a copy made."""
    form = await read_form(request)
    try:
        await count_for_accounts("sign-in", request)
        await ask_export(actor, form.get("password", ""))
    except Refusal as refusal:
        return await _show(request, actor, refusal, "export")
    return see_other(_PAGE)


@post(f"{_PAGE}/exports/{{export_id:uuid}}", guards=[by_session, own_form], include_in_schema=False, is_compressed=True)
async def fetch(
    request: Request[Any, Any, Any], export_id: FromPath[UUID], actor: CurrentActor
) -> Response[Any] | Stream:
    """Hand the copy over, by the password once more."""
    form = await read_form(request)
    try:
        await count_for_accounts("sign-in", request)
        return attachment(await fetch_export(actor, export_id, form.get("password", "")))
    except Refusal as refusal:
        return await _show(request, actor, refusal, "export")


@post(f"{_PAGE}/erasure", guards=[by_session, own_form], include_in_schema=False)
async def erase(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Want to be erased."""
    form = await read_form(request)
    try:
        await count_for_accounts("sign-in", request)
        await ask_erasure(actor, form.get("erasure_password", ""))
    except Refusal as refusal:
        return await _show(request, actor, refusal, "erasure")
    return see_other(f"{_PAGE}?done=erasure")


@post(f"{_PAGE}/erasure/cancel", guards=[by_session, own_form], include_in_schema=False)
async def cancel(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:  # noqa: ARG001
    """Take it back; nothing to take back is no matter."""
    with suppress(NotFound):
        await cancel_erasure(actor)
    return see_other(f"{_PAGE}?done=canceled")


_FORMS = ("exports", "exports/{export_id:uuid}", "erasure", "erasure/cancel")


@get([f"{_PAGE}/{form}" for form in _FORMS], guards=[signed_in], include_in_schema=False)
async def data_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other(_PAGE)


routes = [data, ask, fetch, erase, cancel, data_form]
