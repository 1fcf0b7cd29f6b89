"""The account's first page: who one is, and what one ordered."""

from typing import Any

from litestar import MediaType, Request, Response, get

from lex.db.session import transact, transaction
from lex.flows.accounts.acting import lex_for
from lex.identity import accounts
from lex.orders.own import list_own_orders
from lex.web.kit.guards import signed_in
from lex.web.kit.inputs import CurrentActor
from lex.web.storefront.account.pages import show

NEWEST = 3


@get("/account", guards=[signed_in], include_in_schema=False, media_type=MediaType.HTML)
async def overview(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Newest orders, and where everything else is."""
    user_id = actor.person
    profile = await transact(lex_for(actor), lambda session: accounts.get_profile(session, user_id))
    async with transaction(actor) as session:
        orders = await list_own_orders(session, user_id, limit=NEWEST + 1)
    done = request.query_params.get("done", "")
    shown, has_more = orders[:NEWEST], len(orders) > NEWEST
    return await show(request, "overview", profile=profile, orders=shown, has_more=has_more, done=done)


routes = [overview]
