"""All that somebody ordered, with the files that belong to it."""

from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get

from lex.core.errors import Invalid
from lex.db.session import transaction
from lex.orders.own import list_own_orders
from lex.web.kit.guards import signed_in
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.paging import Cursor, decode_cursor, page_of
from lex.web.storefront.account.pages import show
from lex.web.storefront.visitor import see_other

_PAGE = "/account/orders"
_LIMIT = 20


@get(_PAGE, guards=[signed_in], include_in_schema=False, media_type=MediaType.HTML)
async def orders(request: Request[Any, Any, Any], actor: CurrentActor, cursor: Cursor = None) -> Response[Any]:
    """Newest first, a page at a time."""
    try:
        before = decode_cursor(cursor, UUID) if cursor else None
    except Invalid:
        return see_other(_PAGE)
    async with transaction(actor) as session:
        found = await list_own_orders(session, actor.person, before=before, limit=_LIMIT + 1)
    rows, following = page_of(found, _LIMIT, lambda row: row.id)
    return await show(request, "orders", orders=rows, following=following, is_later=before is not None)


routes = [orders]
