"""The order's page, opened by the link in the mail: what was bought, how it stands, what comes next."""

from dataclasses import replace
from typing import Annotated, Any

from litestar import MediaType, Response, get
from litestar.params import QueryParameter

from lex.core import countries
from lex.core.errors import NotFound, Refusal
from lex.db.session import transaction
from lex.identity.commands import hash_token
from lex.orders.downloads import list_downloads
from lex.orders.finding import get_id
from lex.orders.queries import get_order
from lex.web.kit.guards import public
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.templates import page

Token = Annotated[str, QueryParameter(required=False, max_length=200)]


@get("/orders/{number:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def order(number: FromPath[str], actor: CurrentActor, token: Token = "") -> Response[Any]:
    """One answer for a wrong number and a wrong token: nobody learns which orders exist."""
    reader = replace(actor, tokens=(*actor.tokens, hash_token(token)))
    try:
        async with transaction(reader) as session:
            order_id = await get_id(session, number)
            document = await get_order(session, reader, order_id)
            downloads = await list_downloads(session, order_id)
    except Refusal as refusal:
        sentence = "This link opens no order. It may have expired; use the newest mail about your order."
        raise NotFound(sentence, code="order_not_found") from refusal
    headers = {"Cache-Control": "private, no-store"}
    address = document["shipping_address"] or {}
    country = countries.names().get(address.get("country", ""), "")
    return page("order.html", headers=headers, order=document, downloads=downloads, country=country)
