"""The cart's page: what is in it, what changed since it was seen, what is due."""

from typing import Any
from uuid import UUID

from litestar import MediaType, Request, Response, get

from lex.carts.priced import PricedCart
from lex.carts.queries import CartFacts, get_any_facts, get_facts
from lex.core import countries
from lex.core.actor import Actor
from lex.core.errors import Conflict, Gone, NotFound, Refusal
from lex.core.settings import settings
from lex.db.session import transaction
from lex.flows.show_cart import show_cart
from lex.orders.finding import find_number
from lex.web.kit.basket import Basket, basket_of, forget, keep, units_in
from lex.web.kit.edge import is_head
from lex.web.kit.guards import public
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.templates import page
from lex.web.storefront.frame import frame

#: What stands in the way and is mended at the checkout; anything else is mended in the cart.
AT_CHECKOUT = frozenset({"country_required", "no_shipping", "shipping_method_required"})

_HEADERS = {"Cache-Control": "private, no-store"}


def is_htmx(request: Request[Any, Any, Any]) -> bool:
    """Whether a script of the page asks for a piece of it."""
    return request.headers.get("hx-request") == "true"


def country_options(priced: PricedCart) -> list[tuple[str, str]]:
    """Where goods can be sent, as code and name, by name."""
    return countries.options(priced.shipping_countries)


@get("/cart", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def cart(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The cart priced now. For a browser without a cart no cart is looked for."""
    basket = await basket_of(request, actor)
    return await cart_answer(request, actor, basket, renewed="renewed" in request.query_params)


@get("/cart/count", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def count(request: Request[Any, Any, Any]) -> Response[Any]:
    """The number at the cart, as its cookie says: nothing in the cart is looked at, so nothing of it counts as seen."""
    return page("cart_count.html", request=request, headers=_HEADERS)


async def cart_answer(
    request: Request[Any, Any, Any],
    actor: Actor,
    basket: Basket | None,
    *,
    refusal: Refusal | None = None,
    item_id: UUID | None = None,
    typed: str = "",
    is_coupon: bool = False,
    renewed: bool = False,
) -> Response[Any]:
    """The page, or its inner part for a script. `refusal` says what could not be done with `item_id` or `typed`."""
    facts: dict[str, Any] = {"refusal": refusal, "refused_item": item_id, "typed": typed, "is_coupon": is_coupon}
    facts["renewed"] = renewed
    if basket is None:
        return await _page(request, None, facts)
    try:
        priced = await show_cart(basket.opened_by(actor), basket.id, is_told=not is_head(request.scope))
    except Gone:
        async with transaction(basket.opened_by(actor)) as session:
            expired = await get_facts(session, basket.opened_by(actor), basket.id)
        return await _page(request, None, facts, expired=expired)
    except Conflict as conflict:
        if conflict.code != "cart_currency":
            raise
        async with transaction(basket.opened_by(actor)) as session:
            foreign = await get_any_facts(session, basket.opened_by(actor), basket.id)
        return await _page(request, None, facts, foreign=foreign)
    except NotFound:
        answer = await _page(request, None, facts)
        forget(answer)
        return answer
    if priced.status != "open":
        return await _closed(request, priced, facts)
    answer = await _page(request, priced, facts)
    keep(answer, basket, units_in(priced))
    return answer


async def _closed(request: Request[Any, Any, Any], priced: PricedCart, facts: dict[str, Any]) -> Response[Any]:
    """A cart that was placed (or merged): said once, with the way to its order; the next one begins empty."""
    number = await find_number(priced.order_id) if priced.order_id else None
    answer = await _page(request, None, facts, placed=number)
    forget(answer)
    return answer


async def _page(
    request: Request[Any, Any, Any],
    priced: PricedCart | None,
    facts: dict[str, Any],
    *,
    placed: str | None = None,
    expired: CartFacts | None = None,
    foreign: CartFacts | None = None,
) -> Response[Any]:
    refusal: Refusal | None = facts["refusal"]
    is_piece = is_htmx(request)
    problems = priced.problems if priced else []
    return page(
        "storefront/_cart.html" if is_piece else "storefront/cart.html",
        # A script swaps in what it gets; an answer that is an error it would leave out.
        status=refusal.status if refusal and not is_piece else 200,
        headers=_HEADERS | getattr(refusal, "headers", {}),
        frame=None if is_piece else await frame(),
        cart=priced if priced and priced.lines else None,
        cart_count=units_in(priced) if priced else 0,
        problem_of={remark.item_id: remark for remark in reversed(problems)},
        needs_shipping=any(line.requires_shipping for line in priced.lines) if priced else False,
        is_blocked=any(remark.code not in AT_CHECKOUT for remark in problems),
        countries=country_options(priced) if priced else [],
        currency=settings().currency,
        cart_days=settings().cart_days,
        placed=placed,
        expired=expired,
        foreign=foreign,
        is_piece=is_piece,
        **facts,
    )


routes = [cart, count]
