"""What keeps an account its owner's: password, address, where it is signed in, and its end."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get, post

from lex.core.actor import Actor, Role
from lex.core.errors import NotFound, Refusal
from lex.db.session import transact
from lex.flows.accounts.acting import lex_for
from lex.flows.accounts.change import ask_email_change, change_password, close_account
from lex.flows.accounts.ending import sign_out_elsewhere, sign_out_there
from lex.flows.accounts.factors import factors_of
from lex.identity import accounts, sessions
from lex.web.kit.actors import held_session, session_token
from lex.web.kit.forms import read_form
from lex.web.kit.guards import by_session, own_form, signed_in
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.rates import count_for_accounts
from lex.web.kit.signing import forget_session, keep_session
from lex.web.storefront.account.pages import at_fields, show
from lex.web.storefront.visitor import see_other

_PAGE = "/account/security"


@get(_PAGE, guards=[by_session], include_in_schema=False, media_type=MediaType.HTML)
async def security(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Everything at one place."""
    return await _show(request, actor)


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    form: dict[str, str] | None = None,
    refusal: Refusal | None = None,
    part: str = "",
) -> Response[Any]:
    """The page; `part` is the form whose refusal is told, beside its own field for the password."""
    if part in ("email", "close"):
        at_fields(refusal, {"password": f"{part}_password"})
    held = await held_session(request)
    profile = await transact(lex_for(actor), lambda session: accounts.get_profile(session, held.user_id))
    devices = await sessions.list_of(held.user_id)
    found = await factors_of(actor, held.user_id)
    done = request.query_params.get("done", "")
    facts = {"profile": profile, "factors": found, "devices": devices, "held": held, "done": done, "part": part}
    return await show(request, "security", form, refusal, **facts)


@post(f"{_PAGE}/password", guards=[by_session, own_form], include_in_schema=False)
async def password(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Take another password; this browser stays signed in."""
    form, held = await read_form(request), await held_session(request)
    try:
        await count_for_accounts("sign-in", request)
        token = session_token(request)
        given = form.get("current_password", ""), form.get("password", "")
        fresh = await change_password(actor, token, held, *given)
    except Refusal as refusal:
        return await _show(request, actor, form, refusal, "password")
    answer = see_other(f"{_PAGE}?done=password")
    keep_session(answer, fresh, Role(held.role))
    return answer


@post(f"{_PAGE}/email", guards=[by_session, own_form], include_in_schema=False)
async def email(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Ask both addresses."""
    form = await read_form(request)
    try:
        await count_for_accounts("link", request)
        await ask_email_change(actor, form.get("email_password", ""), form.get("email", ""))
    except Refusal as refusal:
        return await _show(request, actor, form, refusal, "email")
    return see_other(f"{_PAGE}?done=email")


@post(f"{_PAGE}/devices/{{session_id:uuid}}", guards=[by_session, own_form], include_in_schema=False)
async def end_device(request: Request[Any, Any, Any], session_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Sign out there; a session that is over already is no matter."""
    held = await held_session(request)
    with suppress(NotFound):
        await sign_out_there(actor, held.user_id, session_id)
    return see_other(f"{_PAGE}?done=device")


@post(f"{_PAGE}/devices", guards=[by_session, own_form], include_in_schema=False)
async def end_others(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Sign out everywhere but here."""
    held = await held_session(request)
    await sign_out_elsewhere(actor, held.user_id, held.id)
    return see_other(f"{_PAGE}?done=devices")


@post(f"{_PAGE}/close", guards=[by_session, own_form], include_in_schema=False)
async def close(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Close the account."""
    form = await read_form(request)
    try:
        await count_for_accounts("sign-in", request)
        await close_account(actor, form.get("close_password", ""))
    except Refusal as refusal:
        return await _show(request, actor, form, refusal, "close")
    answer = see_other("/account/sign-in?done=closed")
    forget_session(answer)
    return answer


_FORMS = ("password", "email", "devices", "devices/{session_id:uuid}", "close")


@get([f"{_PAGE}/{form}" for form in _FORMS], guards=[signed_in], include_in_schema=False)
async def security_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other(_PAGE)


routes = [security, password, email, end_device, end_others, close, security_form]
