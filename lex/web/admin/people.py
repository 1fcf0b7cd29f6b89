"""People: find a customer, the staff, and appoint somebody."""

from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get, post

from lex.core.actor import STAFF, Actor, Role
from lex.core.errors import Refusal
from lex.flows.accounts.appoint import appoint
from lex.flows.look_up_people import list_team, look_for_people
from lex.identity.people import Found
from lex.identity.policy import Permission, permits, reaches
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, requires
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.paging import decode_cursor, page_of
from lex.web.storefront.account.pages import show_form
from lex.web.storefront.visitor import see_other

PAGE = "/staff/people"
_LIMIT = 50


@get(PAGE, guards=[requires(Permission.CUSTOMERS_READ)], include_in_schema=False, media_type=MediaType.HTML)
async def people(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Whom one looks for, and the staff for those who may see them."""
    try:
        who = request.query_params.get("who", "").strip()
        found = await look_for_people(actor, who, limit=_LIMIT) if who else None
    except Refusal as refusal:
        return await _show(request, actor, {"who": who}, refusal)
    return await _show(request, actor, {"who": who}, found=found)


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    form: dict[str, str],
    refusal: Refusal | None = None,
    found: Any = None,
) -> Response[Any]:
    team: list[Found] = []
    next_cursor = None
    if permits(actor.role, Permission.STAFF_READ, actor.scopes) and found is None:
        cursor = request.query_params.get("cursor")
        before = decode_cursor(cursor, UUID) if cursor else None
        team, next_cursor = page_of(await list_team(actor, before=before, limit=_LIMIT + 1), _LIMIT, lambda one: one.id)
    facts = {"found": found, "team": team, "next_cursor": next_cursor, "most": _LIMIT, "me": actor.user_id}
    return await show_form(request, "staff/people.html", form, refusal, grants=grants(actor), **facts)


def grants(actor: Actor, user_id: UUID | None = None, *was: Role) -> list[Role]:
    """The staff roles an actor may give: to somebody new, or to whom has had `was`."""
    return [role for role in Role if role in STAFF and reaches(actor, user_id, *was, role)]


@post(PAGE, guards=[requires(Permission.STAFF_WRITE), own_form], include_in_schema=False)
async def appoint_somebody(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Make somebody one of the staff; they are mailed where to choose a password."""
    form = await read_form(request)
    try:
        user_id = await appoint(actor, form.get("email", ""), form.get("role", ""))
    except Refusal as refusal:
        return await _show(request, actor, form, refusal)
    return see_other(f"{PAGE}/{user_id}?done=appointed")


routes = [people, appoint_somebody]
