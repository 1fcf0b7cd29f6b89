"""What somebody was told, and what they want to be told."""

from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get, post

from lex.core.errors import Invalid
from lex.db.session import transaction
from lex.flows.accounts.details import choose_marketing
from lex.identity.details import get_details
from lex.notifications.queries import list_own_notifications
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, signed_in
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.paging import Cursor, decode_cursor, page_of
from lex.web.storefront.account.pages import show
from lex.web.storefront.visitor import see_other

_PAGE = "/account/notifications"
_LIMIT = 20


@get(_PAGE, guards=[signed_in], include_in_schema=False, media_type=MediaType.HTML)
async def notifications(request: Request[Any, Any, Any], actor: CurrentActor, cursor: Cursor = None) -> Response[Any]:
    """Newest first, a page at a time, below the choice."""
    try:
        before = decode_cursor(cursor, UUID) if cursor else None
    except Invalid:
        return see_other(_PAGE)
    async with transaction(actor) as session:
        details = await get_details(session, actor.person)
        found = await list_own_notifications(session, actor.person, before=before, limit=_LIMIT + 1)
    rows, following = page_of(found, _LIMIT, lambda row: row.id)
    facts: dict[str, Any] = {"details": details, "notifications": rows, "following": following}
    is_done, is_later = "done" in request.query_params, before is not None
    return await show(request, "notifications", done=is_done, is_later=is_later, **facts)


@post(_PAGE, guards=[signed_in, own_form], include_in_schema=False)
async def choose(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Agree to news and offers, or no longer."""
    form = await read_form(request)
    await choose_marketing(actor, actor.person, is_agreed=bool(form.get("marketing")))
    return see_other(f"{_PAGE}?done")


routes = [notifications, choose]
