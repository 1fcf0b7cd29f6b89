"""The account's API tokens: which programs act for its owner, one more, and their end."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get, post

from lex.core.actor import Actor
from lex.core.errors import NotFound, Refusal
from lex.db.session import transact
from lex.flows.accounts.acting import lex_for
from lex.flows.accounts.api_keys import DEFAULT_DAYS, MOST_DAYS, NewKey, Wish, make_token, revoke_token
from lex.identity.api_keys import list_of_person
from lex.identity.policy import OwnScope, scopes_of
from lex.web.kit.actors import held_session
from lex.web.kit.forms import read_form, whole_number
from lex.web.kit.guards import by_session, own_form, signed_in
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.rates import count_for_accounts
from lex.web.storefront.account.pages import show
from lex.web.storefront.visitor import see_other

_PAGE = "/account/tokens"
#: A checkbox is a field of its own: `scope-orders.read`.
_SCOPE = "scope-"
_DAYS = (7, 30, 90, 180, 365)


@get(_PAGE, guards=[by_session], include_in_schema=False, media_type=MediaType.HTML)
async def tokens(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The keys there are, and a form for one more."""
    return await _show(request, actor)


@post(_PAGE, guards=[by_session, own_form], include_in_schema=False)
async def create(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Make one. Its text stands on this answer and nowhere else."""
    form = await read_form(request)
    chosen = [name.removeprefix(_SCOPE) for name in form if name.startswith(_SCOPE)]
    try:
        await count_for_accounts("sign-in", request)
        days = whole_number(form, "expires_in_days", least=1, most=MOST_DAYS)
        made = await make_token(actor, form.get("password", ""), Wish(form.get("name", ""), chosen, days))
    except Refusal as refusal:
        return await _show(request, actor, form, refusal)
    return await _show(request, actor, made=made)


@post(f"{_PAGE}/{{key_id:uuid}}", guards=[by_session, own_form], include_in_schema=False)
async def end(key_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Revoke one; one that is over already is no matter."""
    with suppress(NotFound):
        await revoke_token(actor, key_id)
    return see_other(f"{_PAGE}?done=revoked")


@get(f"{_PAGE}/{{key_id:uuid}}", guards=[signed_in], include_in_schema=False)
async def token_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other(_PAGE)


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    form: dict[str, str] | None = None,
    refusal: Refusal | None = None,
    made: NewKey | None = None,
) -> Response[Any]:
    held = await held_session(request)
    keys = await transact(lex_for(actor), lambda session: list_of_person(session, held.user_id))
    return await show(
        *(request, "tokens", form, refusal),
        keys=keys,
        made=made,
        scopes=scopes_of(actor.role),
        own_scopes=[scope.value for scope in OwnScope],
        days=_DAYS,
        chosen_days=(form or {}).get("expires_in_days", str(DEFAULT_DAYS)),
        done=request.query_params.get("done", ""),
    )


routes = [tokens, create, end, token_form]
