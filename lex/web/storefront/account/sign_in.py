"""Sign in and out."""

from typing import Any

from litestar import MediaType, Request, Response, get, post

from lex.core.errors import Refusal
from lex.flows.accounts.ending import sign_out
from lex.flows.accounts.sign_in import sign_in
from lex.web.kit.actors import current_session, session_token
from lex.web.kit.basket import forget
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.rates import count_for_accounts
from lex.web.kit.signing import device_of, forget_session, local_path
from lex.web.storefront.account.pages import enter, show_sign_in_form, way_on
from lex.web.storefront.visitor import see_other


@get("/account/sign-in", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def show_sign_in(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The form; whoever is in already goes on."""
    wanted = local_path(request.query_params.get("next", ""))
    if actor.user_id is not None:
        return see_other(wanted)
    held = await current_session(request)
    if held is not None and held.step:
        return see_other(way_on(held.step, wanted))
    return await show_sign_in_form(request, wanted, done=request.query_params.get("done", ""))


@post("/account/sign-in", guards=[own_form], include_in_schema=False)
async def enter_password(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Prove e-mail and password."""
    form = await read_form(request)
    wanted = local_path(form.get("next", ""))
    try:
        await count_for_accounts("sign-in", request)
        admitted = await sign_in(actor, form.get("email", ""), form.get("password", ""), device_of(request))
    except Refusal as refusal:
        return await show_sign_in_form(request, wanted, form, refusal)
    return await enter(request, actor, admitted, wanted)


@post("/account/sign-out", guards=[own_form], include_in_schema=False)
async def leave(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """End this browser's session; one that is over already is no matter. The cart stays with the account."""
    held = await current_session(request)
    answer = see_other("/account/sign-in?done=out")
    if held is not None:
        await sign_out(actor, session_token(request), held)
        forget(answer)
    forget_session(answer)
    return answer


@get("/account/sign-out", guards=[public], include_in_schema=False)
async def sign_out_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other("/account")


routes = [show_sign_in, enter_password, leave, sign_out_form]
