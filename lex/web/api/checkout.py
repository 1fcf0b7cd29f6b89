"""Checkout: place a cart as an order, then pay it."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec

from lex.flows.checkout import Checkout, Placed
from lex.flows.pay_order import PaymentRequest, pay_order
from lex.flows.place_order import place_order
from lex.payments.rules import Settled
from lex.web.kit import rates
from lex.web.kit.guards import as_buyer
from lex.web.kit.idempotency import IdempotencyKey, idempotent
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import CART, ORDER
from lex.web.kit.problems import problems


@post(
    "/carts/{cart_id:uuid}/checkout",
    guards=[as_buyer],
    tags=["checkout"],
    operation_id="placeOrder",
    security=CART,
    summary="Place the order",
    responses={201: ResponseSpec(Placed, description="The order and its token."), **problems(404, 409, 410, 429)},
)
async def checkout(
    request: Request[Any, Any, Any],
    cart_id: FromPath[UUID],
    data: JSONBody[Checkout],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Holds the stock and writes the order, unpaid. `version` and `total_amount` are those of the cart as shown: a cart
    that changed since, or costs another amount now, is refused (409 `cart_changed`) with the new ones. A guest opens
    the order with the token told here, sent as `X-Order-Token`.
    """
    async with idempotent(request, actor, idempotency_key) as answer:
        await answer.count(rates.of_order(request, cart_id, data.email))
        await place_order(actor, cart_id, data, answer)
    return answer.response()


@post(
    "/orders/{order_id:uuid}/payments",
    guards=[as_buyer],
    tags=["checkout"],
    operation_id="payOrder",
    security=ORDER,
    summary="Pay the order",
    responses={
        201: ResponseSpec(Settled, description="What became of the attempt."),
        **problems(402, 404, 409, 410, 429),
    },
)
async def pay(
    request: Request[Any, Any, Any],
    order_id: FromPath[UUID],
    data: JSONBody[PaymentRequest],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Charges the order's total through the shop's payment provider; `token` comes from the provider, never a card
    number. 201 tells what became of it: `attempt_status` succeeded, failed (with `failure_code`; try again),
    requires_action (send the buyer to `action_url`), processing or unknown (the order follows by itself).
    """
    async with idempotent(request, actor, idempotency_key) as answer:
        await answer.count(rates.of_payment(request, order_id))
        await pay_order(actor, order_id, data, answer)
    return answer.response()


routes = [checkout, pay]
