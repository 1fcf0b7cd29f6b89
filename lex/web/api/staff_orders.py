"""The order desk: list and find orders, hand over, complete, cancel, note; the timeline of an order."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from lex.audit import commands as audit
from lex.db.session import Session, transaction
from lex.flows.cancel_order import cancel_order
from lex.flows.complete_order import complete_order
from lex.flows.fulfil_order import NewFulfilment, fulfil
from lex.flows.note_order import note
from lex.identity.policy import Permission
from lex.orders.finding import OrderFilter, list_orders, record_list
from lex.orders.queries import list_timeline
from lex.web.api.order_views import OrderPage, OrderView, TimelineView, read_view
from lex.web.kit.guards import requires
from lex.web.kit.idempotency import IdempotencyKey, created
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import STAFF
from lex.web.kit.paging import Cursor, Limit, decode_cursor, page_of
from lex.web.kit.problems import problems

Status = Annotated[
    Literal["pending", "confirmed", "processing", "completed", "canceled"] | None, QueryParameter(required=False)
]
PaymentStatus = Annotated[
    Literal["unpaid", "pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded"]
    | Literal["failed", "voided"]
    | None,
    QueryParameter(required=False),
]
FulfilmentStatus = Annotated[
    Literal["unfulfilled", "partially_fulfilled", "fulfilled", "not_needed"] | None, QueryParameter(required=False)
]
Number = Annotated[
    str | None, QueryParameter(required=False, max_length=40, description="An order number, LEX-20261105-7F3K9QTB.")
]
Customer = Annotated[
    str | None,
    QueryParameter(
        required=False,
        min_length=1,
        max_length=254,
        description="An e-mail, or whole words of a name, a mail domain or a phone number.",
    ),
]
Instant = Annotated[datetime | None, QueryParameter(required=False, description="An instant with its zone.")]


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What there is to say of it becomes a note for staff."""

    note: Annotated[str, msgspec.Meta(max_length=5000)] = ""


class NewNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note for staff."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


class Created(msgspec.Struct, frozen=True):
    """The id of what was made."""

    id: UUID


@get(
    "/staff/orders",
    guards=[requires(Permission.ORDERS_READ)],
    tags=["orders"],
    operation_id="listOrders",
    security=STAFF,
    summary="List and find orders",
)
async def list_all(
    actor: CurrentActor,
    number: Number = None,
    customer: Customer = None,
    status: Status = None,
    payment_status: PaymentStatus = None,
    fulfilment_status: FulfilmentStatus = None,
    placed_from: Instant = None,
    placed_until: Instant = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> OrderPage:
    """Newest first. Filters narrow each other."""
    wanted = OrderFilter(number, customer, status, payment_status, fulfilment_status, placed_from, placed_until)
    before = decode_cursor(cursor, UUID) if cursor else None
    async with transaction(actor) as session:
        found = await list_orders(session, wanted, before=before, limit=limit + 1)
        orders, next_cursor = page_of(found, limit, lambda order: order.id)
        await record_list(session, orders)
    return OrderPage(orders, next_cursor)


@get(
    "/staff/orders/{order_id:uuid}",
    guards=[requires(Permission.ORDERS_READ)],
    tags=["orders"],
    operation_id="getOrderAsStaff",
    security=STAFF,
    summary="Read an order",
)
async def read(order_id: FromPath[UUID], actor: CurrentActor) -> OrderView:
    """Any order, with the buyer's contact and addresses."""
    return await read_view(actor, order_id)


@get(
    "/staff/orders/{order_id:uuid}/timeline",
    guards=[requires(Permission.ORDERS_READ)],
    tags=["orders"],
    operation_id="getOrderTimeline",
    security=STAFF,
    summary="What happened to an order",
)
async def timeline(order_id: FromPath[UUID], actor: CurrentActor) -> TimelineView:
    """Who did what, when, oldest first."""
    async with transaction(actor) as session:
        events = await list_timeline(session, order_id)
        await audit.record(session, "read", "orders", order_id, {"part": "timeline"})
    return TimelineView(events)


@post(
    "/staff/orders/{order_id:uuid}/fulfilments",
    guards=[requires(Permission.ORDERS_FULFIL)],
    tags=["orders"],
    operation_id="fulfilOrder",
    security=STAFF,
    summary="Hand over some or all of an order",
    responses={201: ResponseSpec(Created, description="The fulfilment."), **problems(404, 409)},
)
async def hand_over(
    request: Request[Any, Any, Any],
    order_id: FromPath[UUID],
    data: JSONBody[NewFulfilment],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Without `items`, everything that is still open. The buyer gets a mail with the tracking."""

    async def work(session: Session) -> Any:
        return Created(await fulfil(session, actor, order_id, data))

    return await created(request, actor, idempotency_key, work)


@post(
    "/staff/orders/{order_id:uuid}/complete",
    guards=[requires(Permission.ORDERS_FULFIL)],
    tags=["orders"],
    operation_id="completeOrder",
    security=STAFF,
    summary="Complete an order",
    status_code=200,
    responses=problems(404, 409),
)
async def complete(order_id: FromPath[UUID], actor: CurrentActor) -> OrderView:
    """Once it is paid and all of it is handed over."""
    await complete_order(actor, order_id)
    return await read_view(actor, order_id)


@post(
    "/staff/orders/{order_id:uuid}/cancel",
    guards=[requires(Permission.ORDERS_CANCEL)],
    tags=["orders"],
    operation_id="cancelOrderAsStaff",
    security=STAFF,
    summary="Cancel an order",
    status_code=200,
    responses=problems(404, 409),
)
async def cancel(order_id: FromPath[UUID], data: JSONBody[Cancellation], actor: CurrentActor) -> OrderView:
    """Gives the stock back and refunds what was paid."""
    await cancel_order(actor, order_id, reason="shop", words=data.note)
    return await read_view(actor, order_id)


@post(
    "/staff/orders/{order_id:uuid}/notes",
    guards=[requires(Permission.ORDERS_NOTE)],
    tags=["orders"],
    operation_id="noteOrder",
    security=STAFF,
    summary="Write a note",
    responses={201: ResponseSpec(Created, description="The note's timeline entry."), **problems(404, 410)},
)
async def add_note(
    request: Request[Any, Any, Any],
    order_id: FromPath[UUID],
    data: JSONBody[NewNote],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """For staff only; it stands in the timeline."""

    async def work(session: Session) -> Any:
        return Created(await note(session, actor, order_id, data.text))

    return await created(request, actor, idempotency_key, work)


routes = [list_all, read, timeline, hand_over, complete, cancel, add_note]
