"""Sign up, and confirm the address."""

from typing import Any

from litestar import MediaType, Request, Response, get, post

from lex.core.errors import Gone, Refusal
from lex.flows.accounts.sign_up import sign_up, verify_email
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.rates import count_for_accounts
from lex.web.kit.signing import device_of
from lex.web.storefront.account.pages import enter, show
from lex.web.storefront.visitor import see_other


@get("/account/sign-up", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def show_sign_up(request: Request[Any, Any, Any]) -> Response[Any]:
    """The form; after it was sent, what happens now."""
    return await show(request, "sign_up", is_sent="sent" in request.query_params)


@post("/account/sign-up", guards=[own_form], include_in_schema=False)
async def ask(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Make the account, or mail the owner of the one there is: one answer."""
    form = await read_form(request)
    try:
        await count_for_accounts("sign-up", request)
        names = {name: form.get(name) for name in ("first_name", "last_name")}
        await sign_up(actor, form.get("email", ""), form.get("password", ""), **names)
    except Refusal as refusal:
        return await show(request, "sign_up", form, refusal, is_sent=False)
    return see_other("/account/sign-up?sent")


@post("/account/verify", guards=[own_form], include_in_schema=False)
async def verify(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Confirm the address with the key and the password chosen; signs in."""
    form = await read_form(request)
    try:
        await count_for_accounts("link", request)
        admitted = await verify_email(actor, form.get("token", ""), form.get("password", ""), device_of(request))
    except Refusal as refusal:
        return await show(request, "verify", form, refusal, is_over=isinstance(refusal, Gone))
    return await enter(request, actor, admitted, "/account?done=verified")


routes = [show_sign_up, ask, verify]
