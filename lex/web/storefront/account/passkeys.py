"""Passkeys of one's account, and signing in with one. What the browser's passkey answers comes in a form's field."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post

from lex.core.actor import Role
from lex.core.errors import NotFound, Refusal
from lex.flows.accounts.passkeys import add_passkey, remove_passkey, rename_passkey, sign_in_with_passkey
from lex.identity.passkeys import PasskeyRefused
from lex.web.kit.actors import current_session, held_session, session_token
from lex.web.kit.forms import read_form
from lex.web.kit.guards import by_session, may_set_up, own_form, public
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.rates import count_for_accounts
from lex.web.kit.signing import device_of, keep_session, local_path
from lex.web.storefront.account.pages import TWO_FACTOR, enter, show_sign_in_form, way_on
from lex.web.storefront.account.two_factor import show_codes, show_factors
from lex.web.storefront.visitor import see_other

_PAGE = f"{TWO_FACTOR}/passkeys"
_SIGN_IN = "/account/sign-in/passkey"


@post(_SIGN_IN, guards=[own_form], include_in_schema=False)
async def enter_with_passkey(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Sign in; a session that waits for its second step is over with it."""
    form = await read_form(request)
    wanted = local_path(form.get("next", ""))
    try:
        await count_for_accounts("sign-in", request)
        admitted = await sign_in_with_passkey(actor, form.get("credential", ""), device_of(request))
    except Refusal as refusal:
        return await show_sign_in_form(request, wanted, {}, refusal)
    return await enter(request, actor, admitted, wanted)


@get(_SIGN_IN, guards=[public], include_in_schema=False)
async def sign_in_form(request: Request[Any, Any, Any]) -> Response[Any]:
    """The address of a form that a browser kept."""
    held, wanted = await current_session(request), local_path(request.query_params.get("next", ""))
    return see_other(way_on(held.step, wanted) if held else f"/account/sign-in?{urlencode({'next': wanted})}")


@post(_PAGE, guards=[may_set_up, own_form], include_in_schema=False)
async def add(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Keep a new one; recovery codes are shown with the first factor. While the rest is mended what was made stays."""
    form, held = await read_form(request), await held_session(request)
    try:
        await count_for_accounts("sign-in", request)
        given = form.get("passkey_password", ""), form.get("name", ""), form.get("credential", "")
        fresh, made = await add_passkey(actor, session_token(request), held, *given)
    except Refusal as refusal:
        if isinstance(refusal, PasskeyRefused):
            form.pop("credential", None)
        return await show_factors(request, actor, form, refusal, "passkey")
    answer = await show_codes(request, made) if made else see_other(f"{TWO_FACTOR}?done=passkey")
    keep_session(answer, fresh, Role(held.role))
    return answer


@post(f"{_PAGE}/{{passkey_id:uuid}}/name", guards=[by_session, own_form], include_in_schema=False)
async def rename(request: Request[Any, Any, Any], passkey_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Call it otherwise."""
    form, held = await read_form(request), await held_session(request)
    try:
        await rename_passkey(actor, held.user_id, passkey_id, form.get("new_name", ""))
    except NotFound:
        return see_other(TWO_FACTOR)
    except Refusal as refusal:
        return await show_factors(request, actor, form, refusal, str(passkey_id))
    return see_other(f"{TWO_FACTOR}?done=renamed")


@post(f"{_PAGE}/{{passkey_id:uuid}}/removal", guards=[by_session, own_form], include_in_schema=False)
async def remove(request: Request[Any, Any, Any], passkey_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """It signs in no more; one that is gone already is no matter."""
    form, held = await read_form(request), await held_session(request)
    try:
        await count_for_accounts("sign-in", request)
        given = form.get("remove_password", ""), passkey_id
        fresh = await remove_passkey(actor, session_token(request), held, *given)
    except NotFound:
        return see_other(TWO_FACTOR)
    except Refusal as refusal:
        return await show_factors(request, actor, form, refusal, str(passkey_id))
    answer = see_other(f"{TWO_FACTOR}?done=removed")
    keep_session(answer, fresh, Role(held.role))
    return answer


_FORMS = ("", "/{passkey_id:uuid}/name", "/{passkey_id:uuid}/removal")


@get([f"{_PAGE}{form}" for form in _FORMS], guards=[may_set_up], include_in_schema=False)
async def passkey_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other(TWO_FACTOR)


routes = [enter_with_passkey, sign_in_form, add, rename, remove, passkey_form]
