"""The buyer's side of an order: look at it, ask about its payment, cancel it."""

from uuid import UUID

from litestar import get, post

from lex.flows.cancel_order import cancel_order
from lex.flows.refresh_payment import refresh_payment
from lex.payments.rules import Settled
from lex.web.api.order_views import OrderView, read_view
from lex.web.kit.guards import as_buyer
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.openapi import ORDER
from lex.web.kit.problems import problems


@post(
    "/orders/{order_id:uuid}/payments/refresh",
    guards=[as_buyer],
    tags=["checkout"],
    operation_id="refreshPayment",
    security=ORDER,
    summary="Ask the provider what became of the payment",
    status_code=200,
    responses=problems(404, 409),
)
async def refresh(order_id: FromPath[UUID], actor: CurrentActor) -> Settled:
    """For the way back from 3-D Secure: asks at once instead of waiting for the provider's webhook."""
    return await refresh_payment(actor, order_id)


@get(
    "/orders/{order_id:uuid}",
    guards=[as_buyer],
    tags=["checkout"],
    operation_id="getOrder",
    security=ORDER,
    summary="Read an order",
)
async def read_order(order_id: FromPath[UUID], actor: CurrentActor) -> OrderView:
    """One order of the caller's, as it was sold. Amounts in minor units."""
    return await read_view(actor, order_id)


@post(
    "/orders/{order_id:uuid}/cancel",
    guards=[as_buyer],
    tags=["checkout"],
    operation_id="cancelOrder",
    security=ORDER,
    summary="Cancel an unpaid order",
    status_code=200,
    responses=problems(404, 409),
)
async def cancel(order_id: FromPath[UUID], actor: CurrentActor) -> OrderView:
    """Gives the stock back. A buyer cancels while nothing is paid; afterwards the shop does."""
    await cancel_order(actor, order_id, reason="customer")
    return await read_view(actor, order_id)


routes = [refresh, read_order, cancel]
