"""Fulfil an order: hand over some or all of it, tell the buyer."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from lex.core.actor import Actor
from lex.core.errors import Conflict, Invalid
from lex.db.session import Session, transact
from lex.identity.policy import Permission, demand
from lex.notifications.commands import notify
from lex.orders.desk import (
    OpenLine,
    OrderHead,
    Parcel,
    insert_fulfilment,
    list_open_lines,
    lock_order,
)
from lex.orders.timeline import tell

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class HandedOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one line."""

    order_item_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=9999)]


class NewFulfilment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is handed over: `items`, or everything that is still open when they are left out."""

    items: Annotated[list[HandedOver], msgspec.Meta(min_length=1, max_length=500)] | None = None
    kind: Literal["ship", "pickup"] = "ship"
    carrier: Text | None = None
    tracking_number: Text | None = None
    tracking_url: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


async def fulfil_order(actor: Actor, order_id: UUID, fulfilment: NewFulfilment) -> UUID:
    """Hand over; the buyer is told. Returns the fulfilment's id.

    Raises `NotFound`, `Forbidden`, `Conflict` (`order_unpaid`, `order_canceled`, `order_fulfilled`,
    `refund_in_progress`), `Invalid` naming the field, or the line whose quantity is more than is open.
    """
    demand(actor, Permission.ORDERS_FULFIL)
    return await transact(actor, lambda session: fulfil(session, actor, order_id, fulfilment))


async def fulfil(session: Session, actor: Actor, order_id: UUID, fulfilment: NewFulfilment) -> UUID:
    """The same within a transaction."""
    head = await lock_order(session, actor, order_id)
    _require_fulfillable(head)
    lines = await list_open_lines(session, head)
    wanted = _wanted(fulfilment, {line.id: line for line in lines if line.open_quantity})
    open_after = sum(line.open_quantity for line in lines) - sum(wanted.values())
    parcel = Parcel(wanted, fulfilment.kind, fulfilment.carrier, fulfilment.tracking_number, fulfilment.tracking_url)
    parcel.check()
    fulfilment_id = await insert_fulfilment(session, head, parcel, is_last=open_after == 0)
    units = sum(wanted.values())
    await tell(session, actor, order_id, head.user_id, "fulfilled", fulfilment_id=fulfilment_id, units=units)
    data = {"fulfilment_id": str(fulfilment_id)}
    await notify(session, user_id=head.user_id, order_id=order_id, template="order_shipped", data=data)
    return fulfilment_id


def _require_fulfillable(head: OrderHead) -> None:
    if head.status == "canceled":
        raise Conflict("This order was canceled.", code="order_canceled")
    if head.is_refunding:
        raise Conflict("This order is being refunded; wait for its result.", code="refund_in_progress")
    if head.status == "pending" or head.payment_status not in ("paid", "partially_refunded"):
        raise Conflict("This order is not paid; hand it over once it is.", code="order_unpaid")
    if head.fulfilment_status in ("fulfilled", "not_needed"):
        raise Conflict("There is nothing left to hand over on this order.", code="order_fulfilled")


def _wanted(fulfilment: NewFulfilment, lines: Mapping[UUID, OpenLine]) -> dict[UUID, int]:
    """Units per line, each at most what is open."""
    if fulfilment.items is None:
        return {line.id: line.open_quantity for line in lines.values()}
    wanted: dict[UUID, int] = {}
    for n, item in enumerate(fulfilment.items):
        line = lines.get(item.order_item_id)
        if line is None:
            raise Invalid(f"items.{n}.order_item_id", "This line is not of this order, or nothing of it is open.")
        wanted[line.id] = wanted.get(line.id, 0) + item.quantity
        if wanted[line.id] > line.open_quantity:
            raise Invalid(f"items.{n}.quantity", f"Only {line.open_quantity} of {line.name} are open.")
    return wanted
