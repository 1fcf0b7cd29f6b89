"""The second step of a sign-in, for a session that waits for it."""

from typing import Any
from urllib.parse import urlencode

from litestar import MediaType, Request, Response, get, post

from lex.core.actor import Actor
from lex.core.errors import Refusal
from lex.flows.accounts.factors import factors_of
from lex.flows.accounts.second_factor import give_code
from lex.identity.ceremonies import home
from lex.identity.sessions import SECOND_FACTOR, Session
from lex.web.kit.actors import current_session, session_token
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.rates import count_for_accounts
from lex.web.kit.signing import keep_session, local_path
from lex.web.storefront.account.pages import SECOND_STEP, bring_cart, show, way_on
from lex.web.storefront.visitor import see_other


@get(SECOND_STEP, guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def show_step(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The form, for whom it waits; everybody else goes on, or begins anew."""
    wanted, held = local_path(request.query_params.get("next", "")), await current_session(request)
    if held is None:
        return see_other(f"/account/sign-in?{urlencode({'next': wanted})}")
    if held.step != SECOND_FACTOR:
        return see_other(way_on(held.step, wanted))
    return await _show(request, actor, held, wanted)


async def _show(
    request: Request[Any, Any, Any], actor: Actor, held: Session, wanted: str, refusal: Refusal | None = None
) -> Response[Any]:
    found = await factors_of(actor, held.user_id)
    return await show(request, "second_step", {}, refusal, wanted=wanted, found=found, passkey_host=home()[0])


@post(SECOND_STEP, guards=[own_form], include_in_schema=False)
async def enter_code(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Give the code; one whose session is over, or waits for nothing, goes where it belongs."""
    form, held = await read_form(request), await current_session(request)
    wanted = local_path(form.get("next", ""))
    if held is None or held.step != SECOND_FACTOR:
        return see_other(f"{SECOND_STEP}?{urlencode({'next': wanted})}")
    try:
        await count_for_accounts("sign-in", request)
        admitted = await give_code(actor, session_token(request), held, form.get("code", ""))
    except Refusal as refusal:
        return await _show(request, actor, held, wanted, refusal)
    answer = see_other(wanted)
    await bring_cart(request, actor, admitted, answer)
    keep_session(answer, admitted.token, admitted.role)
    return answer


routes = [show_step, enter_code]
