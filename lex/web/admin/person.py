"""One person: who they are, what they may do, and what the shop does to their account."""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get, post

from lex.core.actor import Actor, Role
from lex.core.errors import Refusal
from lex.flows.accounts.act_for import LONGEST
from lex.flows.accounts.appoint import change_role
from lex.flows.accounts.standing import set_open, sign_out_of_all
from lex.flows.look_up_people import look_at_person
from lex.identity.policy import Permission, reaches
from lex.web.admin.people import PAGE, grants
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, requires
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.signing import may
from lex.web.storefront.account.pages import show_form
from lex.web.storefront.visitor import see_other

_PERSON = f"{PAGE}/{{user_id:uuid}}"


@get(_PERSON, guards=[requires(Permission.CUSTOMERS_READ)], include_in_schema=False, media_type=MediaType.HTML)
async def person(request: Request[Any, Any, Any], user_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """What the shop knows of somebody's account."""
    return await show_person(request, actor, user_id)


async def show_person(
    request: Request[Any, Any, Any],
    actor: Actor,
    user_id: UUID,
    form: dict[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Response[Any]:
    """The page; only what the actor may do is offered."""
    seen = await look_at_person(actor, user_id)
    role, has_account = Role(seen.person.role), seen.person.role != Role.GUEST and seen.person.erased_at is None
    offered = [*grants(actor, user_id, role), *([Role.USER] if reaches(actor, user_id, role, Role.USER) else [])]
    facts = {
        "person": seen.person,
        "orders": seen.orders,
        "roles": [one for one in offered if one is not role] if has_account and may(Permission.STAFF_WRITE) else [],
        "is_in_reach": has_account and reaches(actor, user_id, role),
        "is_actable": role is Role.USER and has_account and seen.person.is_active and may(Permission.CUSTOMERS_ACT_AS),
        "longest": LONGEST,
        "me": actor.user_id,
        "done": request.query_params.get("done", ""),
    }
    return await show_form(request, "staff/person.html", form, refusal, **facts)


@post(f"{_PERSON}/role", guards=[requires(Permission.STAFF_WRITE), own_form], include_in_schema=False)
async def role(request: Request[Any, Any, Any], user_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Give somebody another role."""
    form = await read_form(request)
    return await _done(request, actor, user_id, "role", change_role(actor, user_id, form.get("role", "")))


@post(f"{_PERSON}/closing", guards=[requires(Permission.CUSTOMERS_WRITE), own_form], include_in_schema=False)
async def close(request: Request[Any, Any, Any], user_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Close somebody's account."""
    return await _done(request, actor, user_id, "closed", set_open(actor, user_id, is_open=False))


@post(f"{_PERSON}/opening", guards=[requires(Permission.CUSTOMERS_WRITE), own_form], include_in_schema=False)
async def reopen(request: Request[Any, Any, Any], user_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Open somebody's account again."""
    return await _done(request, actor, user_id, "opened", set_open(actor, user_id, is_open=True))


@post(f"{_PERSON}/sign-out", guards=[requires(Permission.CUSTOMERS_WRITE), own_form], include_in_schema=False)
async def end_sessions(request: Request[Any, Any, Any], user_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Sign somebody out everywhere."""
    return await _done(request, actor, user_id, "out", sign_out_of_all(actor, user_id))


async def _done(
    request: Request[Any, Any, Any], actor: Actor, user_id: UUID, done: str, work: Awaitable[object]
) -> Response[Any]:
    try:
        await work
    except Refusal as refusal:
        return await show_person(request, actor, user_id, None, refusal)
    return see_other(f"{PAGE}/{user_id}?done={done}")


@get(
    [f"{_PERSON}/{form}" for form in ("role", "closing", "opening", "sign-out", "acting")],
    guards=[requires(Permission.CUSTOMERS_READ)],
    include_in_schema=False,
)
async def person_form(user_id: FromPath[UUID]) -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other(f"{PAGE}/{user_id}")


routes = [person, role, close, reopen, end_sessions, person_form]
