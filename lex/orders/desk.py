"""The desk's statements: lock an order, hand lines over, complete it, cancel it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.core.actor import Actor
from lex.core.errors import Invalid
from lex.core.texts import fault_in_writing, is_web_address
from lex.db import sql
from lex.db.session import Session
from lex.orders.links import OPENED, order_not_found, reader
from lex.payments.rules import OPEN_ATTEMPT_SQL

#: By whom an order was canceled, or by its time.
CancelReason = Literal["customer", "shop", "expired"]

#: How long a buyer may take at the bank's page once the order's own time is over.
ANSWER_TIME = timedelta(minutes=15)

_LOCK: LiteralString = "SELECT id FROM orders WHERE id = %(order_id)s FOR NO KEY UPDATE"

# Read after the lock and not with it: what hangs on an order may have changed while the lock was waited for.
_HEAD: LiteralString = (
    """
SELECT o.id, o.user_id, o.order_number, o.status, o.payment_status, o.fulfilment_status, o.expires_at,
       a.id AS open_attempt_id,
       coalesce((SELECT p.captured_amount - p.refunded_amount > 0 FROM payments p
           WHERE p.order_id = o.id AND p.user_id = o.user_id), false) AS has_money,
       EXISTS (SELECT FROM refunds r WHERE r.order_id = o.id AND r.user_id = o.user_id AND r.status = 'pending')
           AS is_refunding
FROM orders o
LEFT JOIN payment_attempts a ON a.order_id = o.id AND a.user_id = o.user_id AND a.tender = 1
    AND a.status IN """
    + OPEN_ATTEMPT_SQL
    + " WHERE o.id = %(order_id)s AND "
    + OPENED
)

_LINES: LiteralString = """
SELECT id, name, sku, quantity, fulfilled_quantity FROM order_items
WHERE order_id = %(order_id)s AND user_id = %(user_id)s AND item_type <> 'shipping' AND requires_shipping
ORDER BY position
"""

_FULFIL: LiteralString = """
WITH given AS (
    SELECT * FROM unnest(%(items)s::uuid[], %(quantities)s::int[], %(ids)s::uuid[]) AS g (item_id, quantity, id)
), parcel AS (
    INSERT INTO fulfilments (id, order_id, user_id, kind, carrier, tracking_number, tracking_url, fulfilled_at)
    VALUES (%(id)s, %(order_id)s, %(user_id)s, %(kind)s, %(carrier)s, %(number)s, %(url)s, %(now)s)
), contents AS (
    INSERT INTO fulfilment_items (id, fulfilment_id, order_item_id, user_id, quantity)
    SELECT id, %(id)s, item_id, %(user_id)s, quantity FROM given
)
UPDATE orders SET fulfilment_status = %(fulfilment_status)s,
    status = CASE WHEN status = 'confirmed' THEN 'processing' ELSE status END
WHERE id = %(order_id)s AND user_id = %(user_id)s
"""

_COMPLETE: LiteralString = """
UPDATE orders SET status = 'completed', completed_at = %(now)s WHERE id = %(order_id)s AND user_id = %(user_id)s
"""

_CANCEL: LiteralString = """
UPDATE orders SET status = 'canceled', canceled_at = %(now)s, cancel_reason = %(reason)s,
    payment_status = CASE WHEN payment_status IN ('unpaid', 'pending', 'failed') OR total_amount = 0 THEN 'voided'
        ELSE payment_status END
WHERE id = %(order_id)s AND user_id = %(user_id)s
"""

_EXPIRED: LiteralString = """
SELECT o.id FROM orders o
WHERE o.status = 'pending' AND o.expires_at < %(now)s AND NOT EXISTS (
    SELECT FROM payment_attempts a WHERE a.order_id = o.id AND a.user_id = o.user_id
        AND (a.status IN ('sending', 'unknown', 'processing')
             OR (a.status = 'requires_action' AND a.created_at > %(asked_since)s)))
  AND NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id AND p.user_id = o.user_id AND p.captured_amount > 0)
ORDER BY o.expires_at LIMIT 200
"""


@dataclass(frozen=True, slots=True)
class OrderHead:
    """A locked order. `has_money`: something was captured and not yet given back; `is_refunding`: it is on its way."""

    id: UUID
    user_id: UUID
    order_number: str
    status: str
    payment_status: str
    fulfilment_status: str
    expires_at: datetime | None
    open_attempt_id: UUID | None
    has_money: bool
    is_refunding: bool


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line that is handed over, and how much of it already was."""

    id: UUID
    name: str
    sku: str | None
    quantity: int
    fulfilled_quantity: int

    @property
    def open_quantity(self) -> int:
        """Units not handed over yet."""
        return self.quantity - self.fulfilled_quantity


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is handed over: units per line, and how to follow it."""

    items: Mapping[UUID, int]
    kind: str = "ship"
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None

    def check(self) -> None:
        """It is printed in a mail and followed as a link. Raises `Invalid` naming what cannot be."""
        if self.tracking_url is not None and not (len(self.tracking_url) <= 2000 and is_web_address(self.tracking_url)):
            raise Invalid("tracking_url", "Give an address that starts with https:// or http:// and names a host.")
        for field in ("carrier", "tracking_number"):
            text = getattr(self, field)
            if text is not None and (fault := fault_in_writing(text, longest=200, shortest=1)):
                raise Invalid(field, fault)


async def lock_order(session: Session, actor: Actor, order_id: UUID) -> OrderHead:
    """Lock an order of the actor's. Raises `NotFound`."""
    await sql.execute(session, _LOCK, order_id=order_id)
    seen_by = reader(actor, sees_all=actor.sees_all)
    found = await sql.fetch_one(session, _HEAD, OrderHead, order_id=order_id, **seen_by)
    if found is None:
        raise order_not_found()
    return found


async def list_open_lines(session: Session, order: OrderHead) -> list[OpenLine]:
    """The lines of a locked order that are shipped or collected."""
    return await sql.fetch_all(session, _LINES, OpenLine, order_id=order.id, user_id=order.user_id)


async def insert_fulfilment(session: Session, order: OrderHead, parcel: Parcel, *, is_last: bool) -> UUID:
    """Write a fulfilment with its items, which the database counts on the lines, and move the order on."""
    fulfilment_id = ids.new_id()
    await sql.execute(
        session,
        _FULFIL,
        id=fulfilment_id,
        order_id=order.id,
        user_id=order.user_id,
        kind=parcel.kind,
        carrier=parcel.carrier,
        number=parcel.tracking_number,
        url=parcel.tracking_url,
        now=clock.now(),
        items=list(parcel.items),
        quantities=list(parcel.items.values()),
        ids=[ids.new_id() for _ in parcel.items],
        fulfilment_status="fulfilled" if is_last else "partially_fulfilled",
    )
    return fulfilment_id


async def mark_completed(session: Session, order: OrderHead) -> None:
    """The order is done."""
    await sql.execute(session, _COMPLETE, order_id=order.id, user_id=order.user_id, now=clock.now())


async def mark_canceled(session: Session, order: OrderHead, reason: CancelReason) -> None:
    """The order will not happen. Its total stays what it was."""
    await sql.execute(session, _CANCEL, order_id=order.id, user_id=order.user_id, now=clock.now(), reason=reason)


async def list_expired(session: Session) -> list[UUID]:
    """Orders past their time of which nothing is paid and no payment is under way; 200 at most.

    What is paid in part is for staff to decide: it would stand at the head of the list for ever.

    A buyer whom the bank asks has `ANSWER_TIME`; one who has not come back by then has left.
    """
    now = clock.now()
    found = await sql.fetch_all(session, _EXPIRED, _Id, now=now, asked_since=now - ANSWER_TIME)
    return [row.id for row in found]


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID
