"""Act as a customer, and be oneself again."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post

from lex.carts.merging import find_own_cart
from lex.core.actor import Role
from lex.core.errors import Refusal
from lex.db.session import transact
from lex.flows.accounts.act_for import start_acting, stop_acting
from lex.identity.policy import Permission
from lex.web.admin.people import PAGE
from lex.web.admin.person import show_person
from lex.web.kit.actors import current_session, held_session, session_token
from lex.web.kit.basket import Basket, forget, keep
from lex.web.kit.forms import read_form
from lex.web.kit.guards import by_session, own_form, public, requires
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.signing import forget_session, keep_session
from lex.web.kit.templates import gettext
from lex.web.storefront.visitor import see_other

_STOP = "/staff/acting/stop"


@post(
    f"{PAGE}/{{user_id:uuid}}/acting",
    guards=[requires(Permission.CUSTOMERS_ACT_AS), by_session, own_form],
    include_in_schema=False,
)
async def start(request: Request[Any, Any, Any], user_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Be the customer from here on, with their cart and without any of one's own."""
    form = await read_form(request)
    try:
        held, device = await held_session(request), gettext("Staff of the shop, for you")
        fresh = await start_acting(actor, session_token(request), held, user_id, form.get("reason", ""), device)
    except Refusal as refusal:
        return await show_person(request, actor, user_id, form, refusal)
    answer = see_other("/account")
    keep_session(answer, fresh, Role(held.role))
    theirs = await transact(actor, lambda session: find_own_cart(session, user_id))
    if theirs is None:
        forget(answer)
    else:
        keep(answer, Basket(theirs.id), theirs.units)
    return answer


@post(_STOP, guards=[own_form], include_in_schema=False)
async def stop(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Be oneself again, at the page of whom one acted as; that it is over already is no matter."""
    held = await current_session(request)
    if held is None or held.acted_by is None:
        return see_other("/account")
    own = await stop_acting(actor, session_token(request), held)
    answer = see_other(f"{PAGE}/{held.user_id}?done=stopped")
    if own is None:
        forget_session(answer)
    else:
        fresh, session = own
        keep_session(answer, fresh, Role(session.role))
    forget(answer)
    return answer


@get(_STOP, guards=[public], include_in_schema=False)
async def stop_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other("/account")


routes = [start, stop, stop_form]
