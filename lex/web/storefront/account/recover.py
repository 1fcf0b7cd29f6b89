"""Ways back in: a new password, the end of a lock, and the two links that change an e-mail address."""

from typing import Any, Literal

from litestar import MediaType, Request, Response, get, post

from lex.core.errors import Conflict, Gone, Refusal
from lex.flows.accounts.change import confirm_email_change
from lex.flows.accounts.recover import forgot_password, reset_password, unlock_account
from lex.identity.tokens import Purpose
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.rates import count_for_accounts
from lex.web.kit.signing import forget_session
from lex.web.storefront.account.pages import show
from lex.web.storefront.visitor import see_other

Side = Literal["old", "new"]
#: Pages that a mail leads to with a key.
_KEYED = ("reset", "unlock", "verify")


@get("/account/forgot", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def show_forgot(request: Request[Any, Any, Any]) -> Response[Any]:
    """The form; after it was sent, what happens now."""
    return await show(request, "forgot", is_sent="sent" in request.query_params)


@post("/account/forgot", guards=[own_form], include_in_schema=False)
async def forgot(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Have a link mailed, if there is an account: nobody learns here whether there is."""
    form = await read_form(request)
    try:
        await count_for_accounts("forgot", request)
        await forgot_password(actor, form.get("email", ""))
    except Refusal as refusal:
        return await show(request, "forgot", form, refusal, is_sent=False)
    return see_other("/account/forgot?sent")


@get([f"/account/{name}" for name in _KEYED], guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def show_keyed(request: Request[Any, Any, Any]) -> Response[Any]:
    """Where a mail's link leads: the key is used by a button, for mail programs follow links on their own."""
    name = request.scope["path"].rpartition("/")[2]
    return await show(request, name, {"token": request.query_params.get("token", "")}, is_over=False)


@post("/account/reset", guards=[own_form], include_in_schema=False)
async def reset(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Choose the new password; then sign in with it."""
    form = await read_form(request)
    try:
        await count_for_accounts("link", request)
        await reset_password(actor, form.get("token", ""), form.get("password", ""))
    except Refusal as refusal:
        return await show(request, "reset", form, refusal, is_over=isinstance(refusal, Gone))
    answer = see_other("/account/sign-in?done=reset")
    forget_session(answer)
    return answer


@post("/account/unlock", guards=[own_form], include_in_schema=False)
async def unlock(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """End the wait that strangers brought about."""
    form = await read_form(request)
    try:
        await count_for_accounts("link", request)
        await unlock_account(actor, form.get("token", ""))
    except Refusal as refusal:
        return await show(request, "unlock", form, refusal, is_over=isinstance(refusal, Gone))
    return see_other("/account/sign-in?done=unlocked")


@get("/account/email/{side:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def show_confirm(request: Request[Any, Any, Any], side: FromPath[Side]) -> Response[Any]:
    """Where the mails' links lead."""
    form = {"token": request.query_params.get("token", "")}
    done = request.query_params.get("done", "")
    return await show(request, "confirm_email", form, side=side, done=done, is_over=False)


@post("/account/email/{side:str}", guards=[own_form], include_in_schema=False)
async def confirm(request: Request[Any, Any, Any], side: FromPath[Side], actor: CurrentActor) -> Response[Any]:
    """One of the two addresses says yes."""
    form = await read_form(request)
    purpose = Purpose.CONFIRM_OLD_EMAIL if side == "old" else Purpose.CONFIRM_NEW_EMAIL
    try:
        await count_for_accounts("link", request)
        is_done = await confirm_email_change(actor, purpose, form.get("token", ""))
    except Refusal as refusal:
        is_over = isinstance(refusal, Gone | Conflict)
        return await show(request, "confirm_email", form, refusal, side=side, done="", is_over=is_over)
    return see_other("/account/sign-in?done=email" if is_done else f"/account/email/{side}?done=half")


routes = [show_forgot, forgot, show_keyed, reset, unlock, show_confirm, confirm]
