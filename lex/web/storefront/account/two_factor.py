"""Signing in with two factors: the app that shows codes, recovery codes."""

from typing import Any

import segno
from litestar import MediaType, Request, Response, get, post
from markupsafe import Markup

from lex.core.actor import Actor, Role
from lex.core.errors import Refusal
from lex.flows.accounts import factors
from lex.flows.accounts.passkeys import passkeys_of
from lex.identity import sessions
from lex.identity.ceremonies import home
from lex.web.kit.actors import held_session, session_token
from lex.web.kit.forms import read_form
from lex.web.kit.guards import by_session, may_set_up, own_form
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.rates import count_for_accounts
from lex.web.kit.signing import keep_session
from lex.web.storefront.account.pages import TWO_FACTOR, at_fields, show
from lex.web.storefront.visitor import see_other


@get(TWO_FACTOR, guards=[may_set_up], include_in_schema=False, media_type=MediaType.HTML)
async def two_factor(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """What there is, and what can be set up."""
    return await show_factors(request, actor)


async def show_factors(
    request: Request[Any, Any, Any],
    actor: Actor,
    form: dict[str, str] | None = None,
    refusal: Refusal | None = None,
    part: str = "",
) -> Response[Any]:
    """The page; `part` is the form whose refusal is told, beside its own field for the password."""
    at_fields(refusal, {"password": f"{part}_password" if part in ("app", "codes", "passkey") else "remove_password"})
    held = await held_session(request)
    found, keys = await factors.factors_of(actor, held.user_id), await passkeys_of(actor, held.user_id)
    done = request.query_params.get("done", "")
    facts = {
        "found": found,
        "passkeys": keys,
        "passkey_host": home()[0],
        "done": done,
        "part": part,
        "is_asked": held.step == sessions.SET_UP,
    }
    return await show(request, "two_factor", form, refusal, **facts)


@get(f"{TWO_FACTOR}/app", guards=[may_set_up], include_in_schema=False, media_type=MediaType.HTML)
async def app(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The key for an app, and the form that takes its first code."""
    return await _show_app(request, actor)


async def _show_app(request: Request[Any, Any, Any], actor: Actor, refusal: Refusal | None = None) -> Response[Any]:
    held = await held_session(request)
    offered = await factors.offer_app(actor, held)
    secret = offered.secret
    drawn = segno.make(offered.address, error="m", micro=False).svg_inline(
        omitsize=True, light="#fff", svgclass=None, lineclass=None
    )
    facts = {
        "address": offered.address,
        "drawn": Markup(drawn),
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "is_asked": held.step == sessions.SET_UP,
        "email": offered.email,
    }
    return await show(request, "two_factor_app", {}, refusal, **facts)


@post(f"{TWO_FACTOR}/app", guards=[may_set_up, own_form], include_in_schema=False)
async def confirm_app(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Take it; recovery codes are shown with the first factor."""
    form, held = await read_form(request), await held_session(request)
    try:
        await count_for_accounts("sign-in", request)
        given = form.get("password", ""), form.get("code", "")
        fresh, made = await factors.set_up_app(actor, session_token(request), held, *given)
    except Refusal as refusal:
        return await _show_app(request, actor, refusal)
    answer = await show_codes(request, made) if made else see_other(f"{TWO_FACTOR}?done=app")
    keep_session(answer, fresh, Role(held.role))
    return answer


async def show_codes(request: Request[Any, Any, Any], made: list[str]) -> Response[Any]:
    """Recovery codes, this once."""
    return await show(request, "recovery_codes", codes=made)


@post(f"{TWO_FACTOR}/app/off", guards=[by_session, own_form], include_in_schema=False)
async def app_off(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Take the app away."""
    form, held = await read_form(request), await held_session(request)
    try:
        await count_for_accounts("sign-in", request)
        await factors.take_app(actor, held, form.get("app_password", ""))
    except Refusal as refusal:
        return await show_factors(request, actor, form, refusal, "app")
    return see_other(f"{TWO_FACTOR}?done=app_off")


@post(f"{TWO_FACTOR}/recovery-codes", guards=[by_session, own_form], include_in_schema=False)
async def renew_codes(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """New recovery codes, shown this once."""
    form, held = await read_form(request), await held_session(request)
    try:
        await count_for_accounts("sign-in", request)
        made = await factors.renew_recovery_codes(actor, held, form.get("codes_password", ""))
    except Refusal as refusal:
        return await show_factors(request, actor, form, refusal, "codes")
    return await show_codes(request, made)


_FORMS = ("app/off", "recovery-codes")


@get([f"{TWO_FACTOR}/{form}" for form in _FORMS], guards=[may_set_up], include_in_schema=False)
async def two_factor_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other(TWO_FACTOR)


routes = [two_factor, app, confirm_app, app_off, renew_codes, two_factor_form]
