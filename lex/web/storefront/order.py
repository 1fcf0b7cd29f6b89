"""The order's page, opened by its signed link: what happens next, what was bought, how it stands."""

from datetime import datetime
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, post
from litestar.params import QueryParameter

from lex.core import clock
from lex.core.errors import Conflict, Gone, NotFound
from lex.db.session import Session, transact, transaction
from lex.flows.cancel_order import cancel_order
from lex.orders.finding import checked_number, get_id
from lex.orders.links import exchange_link
from lex.orders.own import OwnFile
from lex.orders.queries import get_order_page
from lex.web.kit.edge import is_head
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.templates import page
from lex.web.storefront.frame import frame
from lex.web.storefront.paying import card_facts, pay_headers
from lex.web.storefront.visitor import Visitor, closed_to_strangers, open_placed, see_other

Token = Annotated[str, QueryParameter(required=False, max_length=200)]
_HEADERS = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
_UNPAID = frozenset({"unpaid", "failed"})


@get("/orders/{number:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def order(
    request: Request[Any, Any, Any], number: FromPath[str], actor: CurrentActor, token: Token = ""
) -> Response[Any]:
    """The order. A token in the address is kept in a cookie, and the address shown again without it."""
    with closed_to_strangers():
        kept = Visitor.of_request(request, actor, number)
        visitor = Visitor.of_order(actor, number, token) if token else kept
        try:
            async with transaction(visitor.actor) as session:
                document = await get_order_page(session, visitor.actor, visitor.number)
        except NotFound:
            # An old link, where the browser may have a newer one; or none, where it may have placed the order.
            if token and kept.token:
                return see_other(kept.page)
            placed = None if is_head(request.scope) else await open_placed(request, actor, kept.number)
            if placed is None:
                raise
            return placed
    if token:
        answer = see_other(visitor.page)
        if not is_head(request.scope):
            visitor.keep(answer)
        return answer
    not_canceled = "not_canceled" in request.query_params
    return page(
        "storefront/order.html",
        request=request,
        headers=_HEADERS | pay_headers(),
        frame=await frame(),
        not_canceled=not_canceled,
        **_facts(document),
        **card_facts(),
    )


def _facts(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "order": document,
        "standing": standing_of(document),
        "downloads": [OwnFile.of(file) for file in document["downloads"]],
        "story": document["story"],
        "is_pickup": (document["shipping_method"] or {}).get("kind") == "pickup",
    }


def standing_of(document: dict[str, Any]) -> str:
    """One word for how an order stands: the page says it in a sentence and offers what can be done about it."""
    status, paid, payment = document["status"], document["payment_status"], document["payment"] or {}
    if status == "canceled":
        if payment.get("captured_amount", 0) > payment.get("refunded_amount", 0):
            return "owed"
        return "refunded" if payment.get("refunded_amount") else "expired" if _ran_out(document) else "canceled"
    if status != "pending":
        return "completed" if status == "completed" else "paid"
    if paid not in _UNPAID:
        return "asked" if payment.get("action_url") else "processing"
    if datetime.fromisoformat(document["expires_at"]) < clock.now():
        return "late"
    return "declined" if paid == "failed" else "unpaid"


def _ran_out(document: dict[str, Any]) -> bool:
    return bool(document["cancel_reason"] == "expired")


@get("/orders/{number:str}/standing", guards=[public], include_in_schema=False)
async def standing(request: Request[Any, Any, Any], number: FromPath[str], actor: CurrentActor) -> Response[Any]:
    """For a page that waits for a payment: nothing while it waits, and the word to load again once it is decided."""
    with closed_to_strangers():
        visitor = Visitor.of_request(request, actor, number)
        async with transaction(visitor.actor) as session:
            document = await get_order_page(session, visitor.actor, visitor.number)
    waits = standing_of(document) == "processing"
    return Response(
        None, status_code=204, headers={"Cache-Control": "no-store"} | ({} if waits else {"HX-Refresh": "true"})
    )


@post("/orders/{number:str}/cancel", guards=[own_form], include_in_schema=False)
async def cancel(request: Request[Any, Any, Any], number: FromPath[str], actor: CurrentActor) -> Response[Any]:
    """Cancel an order that is not paid; one that was paid meanwhile stays and its page says so."""
    with closed_to_strangers():
        visitor = Visitor.of_request(request, actor, number)
        async with transaction(visitor.actor) as session:
            order_id = await get_id(session, visitor.number)
        try:
            await cancel_order(visitor.actor, order_id, reason="customer")
        except Conflict:
            return see_other(f"{visitor.page}?not_canceled")
    return see_other(visitor.page)


@get(["/orders/{number:str}/cancel", "/orders/{number:str}/payments"], guards=[public], include_in_schema=False)
async def order_form(number: FromPath[str]) -> Response[Any]:
    """The address of a form that a browser kept: to the order's page."""
    with closed_to_strangers():
        return see_other(f"/orders/{checked_number(number)}")


@get("/orders/{number:str}/open", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def show_opening(number: FromPath[str], token: Token = "") -> Response[Any]:
    """Where a link that is good once leads: it is used by a button, for mail programs follow links on their own."""
    return page("storefront/open_order.html", headers=_HEADERS, frame=await frame(), number=number, token=token)


@post("/orders/{number:str}/open", guards=[own_form], include_in_schema=False)
async def open_order(
    request: Request[Any, Any, Any], number: FromPath[str], actor: CurrentActor, token: Token = ""
) -> Response[Any]:
    """Use the link up; the browser keeps one of its own instead, and pressing twice leads to the order too."""

    async def work(session: Session) -> str:
        return await exchange_link(session, await get_id(session, checked_number(number)), token)

    with closed_to_strangers():
        held = Visitor.of_request(request, actor, number)
        try:
            kept = await transact(Visitor.of_order(actor, number, token).actor, work)
        except (Gone, NotFound):
            if held.token:
                return see_other(held.page)
            raise
    visitor = Visitor.of_order(actor, number, kept)
    answer = see_other(visitor.page)
    visitor.keep(answer)
    return answer


routes = [order, order_form, standing, cancel, show_opening, open_order]
