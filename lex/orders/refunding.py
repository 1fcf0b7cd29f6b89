"""The statements of a refund: reserve it against its payment, write down what the provider made of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from lex.adapters.payments.protocol import RefundSnapshot
from lex.core import clock, ids
from lex.db import sql
from lex.db.session import Session
from lex.orders.desk import CancelReason, OrderHead

# A refund whose process died before it heard of the result is taken up again: under its id the provider knows it.
_OPEN: LiteralString = """
SELECT r.id, r.payment_id, r.order_id, r.user_id, r.amount, r.currency, p.provider, r.provider_payment_id,
       coalesce(r.created_at > o.canceled_at, false) AS is_late
FROM refunds r
JOIN payments p ON p.id = r.payment_id AND p.user_id = r.user_id
JOIN orders o ON o.id = r.order_id AND o.user_id = r.user_id
WHERE r.status = 'pending' AND """
_PENDING: LiteralString = _OPEN + "r.order_id = %(order_id)s AND r.user_id = %(user_id)s ORDER BY r.id"
# Those asked about wait for their turn again: what stays pending for days keeps no other from its own.
_STALE: LiteralString = (
    """
WITH stale AS (
    SELECT s.id FROM refunds s WHERE s.status = 'pending' AND coalesce(s.checked_at, s.created_at) < %(before)s
    ORDER BY coalesce(s.checked_at, s.created_at) LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
), asked AS (
    UPDATE refunds t SET checked_at = %(now)s FROM stale WHERE t.id = stale.id
)
"""
    + _OPEN
    + "r.id IN (SELECT id FROM stale) ORDER BY r.id"
)

# What a provider took in several payments it gives back from each: an order that was paid twice has two of them.
_INSERT: LiteralString = """
WITH left_over AS (
    SELECT a.payment_id, a.order_id, a.user_id, a.number, a.provider_payment_id, a.captured_amount - coalesce((
        SELECT sum(r.amount) FROM refunds r
        WHERE r.payment_id = a.payment_id AND r.user_id = a.user_id AND r.status IN ('pending', 'succeeded')
          AND r.provider_payment_id = a.provider_payment_id), 0) AS amount
    FROM payment_attempts a WHERE a.order_id = %(order_id)s AND a.user_id = %(user_id)s AND a.captured_amount > 0
), reserved AS (
    INSERT INTO refunds (id, payment_id, order_id, user_id, provider_payment_id, amount, currency, reason)
    SELECT uuid_v7(), p.id, p.order_id, p.user_id, l.provider_payment_id, l.amount, p.currency, %(reason)s
    FROM left_over l JOIN payments p ON p.id = l.payment_id AND p.user_id = l.user_id
    WHERE l.amount > 0 AND l.provider_payment_id IS NOT NULL ORDER BY l.number
    RETURNING id, payment_id, order_id, user_id, provider_payment_id, amount, currency
)
SELECT r.id, r.payment_id, r.order_id, r.user_id, r.amount, r.currency, p.provider, r.provider_payment_id,
       o.status = 'canceled' AS is_late
FROM reserved r
JOIN payments p ON p.id = r.payment_id AND p.user_id = r.user_id
JOIN orders o ON o.id = r.order_id AND o.user_id = r.user_id
ORDER BY r.id
"""

_REASON: LiteralString = """
SELECT coalesce(o.cancel_reason, (SELECT r.reason FROM refunds r WHERE r.order_id = o.id AND r.user_id = o.user_id
                                  ORDER BY r.id DESC LIMIT 1), 'shop')
FROM orders o WHERE o.id = %(order_id)s AND o.user_id = %(user_id)s
"""

_SETTLE: LiteralString = """
WITH refund AS (
    UPDATE refunds SET status = %(status)s::text, failure_code = %(failure_code)s,
        provider_refund_id = coalesce(%(provider_refund_id)s, provider_refund_id),
        processed_at = CASE WHEN %(status)s <> 'pending' THEN %(now)s::timestamptz END
    WHERE id = %(id)s AND user_id = %(user_id)s AND status = 'pending' AND (%(status)s <> 'pending'
        OR coalesce(%(provider_refund_id)s, provider_refund_id) IS DISTINCT FROM provider_refund_id
        OR NOT EXISTS (SELECT FROM payment_events e WHERE e.payment_id = %(payment_id)s AND e.user_id = %(user_id)s
                       AND e.provider_reference = %(id)s::text AND e.kind = 'refund_pending'))
    RETURNING id, amount
), event AS (
    INSERT INTO payment_events (id, payment_id, order_id, user_id, provider_reference, kind, amount, currency,
        occurred_at)
    SELECT %(event_id)s, %(payment_id)s, %(order_id)s, %(user_id)s, %(id)s::text, %(kind)s, amount, %(currency)s,
        %(now)s FROM refund
    ON CONFLICT (payment_id, provider_reference, kind) DO NOTHING
    RETURNING id
), given AS (
    SELECT coalesce(sum(x.amount) FILTER (WHERE x.id <> r.id OR %(status)s <> 'failed'), 0) AS amount
    FROM refund r JOIN refunds x ON x.payment_id = %(payment_id)s AND x.user_id = %(user_id)s
    WHERE x.status IN ('pending', 'succeeded') GROUP BY r.id
), payment AS (
    UPDATE payments p SET refunded_amount = g.amount,
        status = CASE WHEN g.amount >= p.captured_amount THEN 'refunded' WHEN g.amount > 0 THEN 'partially_refunded'
                      WHEN p.status IN ('refunded', 'partially_refunded') THEN 'captured' ELSE p.status END
    FROM given g WHERE p.id = %(payment_id)s AND p.user_id = %(user_id)s
    RETURNING p.status
), bill AS (
    UPDATE orders o SET payment_status = CASE p.status WHEN 'captured' THEN 'paid' ELSE p.status END FROM payment p
    WHERE o.id = %(order_id)s AND o.user_id = %(user_id)s
      AND p.status IN ('captured', 'refunded', 'partially_refunded')
)
SELECT count(*) FROM event
"""


@dataclass(frozen=True, slots=True)
class PendingRefund:
    """A refund reserved against a payment. `amount` in major units, as stored. `is_late`: of money that came after the
    order was canceled, so that the mail about that told nothing of it."""

    id: UUID
    payment_id: UUID
    order_id: UUID
    user_id: UUID
    amount: Decimal
    currency: str
    provider: str
    provider_payment_id: str
    is_late: bool


async def reserve_refunds(session: Session, order: OrderHead, reason: CancelReason) -> list[PendingRefund]:
    """Reserve all that is left to refund of a locked order. Those that are pending already come first."""
    whose = {"order_id": order.id, "user_id": order.user_id}
    pending = await sql.fetch_all(session, _PENDING, PendingRefund, **whose)
    return pending + await sql.fetch_all(session, _INSERT, PendingRefund, **whose, reason=reason)


async def get_reason(session: Session, order: OrderHead) -> CancelReason:
    """Why the order was canceled or, while it is not, why its money goes back."""
    reason: CancelReason = await sql.fetch_value(session, _REASON, order_id=order.id, user_id=order.user_id)
    return reason


async def claim_stale_refunds(session: Session, before: datetime) -> list[PendingRefund]:
    """Refunds of unknown result last asked about before an instant, 100 at most; from now on they count as asked."""
    return await sql.fetch_all(session, _STALE, PendingRefund, before=before, now=clock.real_now())


async def settle_refund(session: Session, refund: PendingRefund, snapshot: RefundSnapshot) -> bool:
    """Write what became of it on refund, ledger, payment and order. False when that was written before."""
    kind = {"succeeded": "refunded", "failed": "refund_failed"}.get(snapshot.status, "refund_pending")
    changed = await sql.fetch_value(
        session,
        _SETTLE,
        id=refund.id,
        event_id=ids.new_id(),
        payment_id=refund.payment_id,
        order_id=refund.order_id,
        user_id=refund.user_id,
        currency=refund.currency,
        status=snapshot.status,
        provider_refund_id=snapshot.provider_refund_id,
        failure_code=snapshot.failure_code,
        kind=kind,
        now=clock.now(),
    )
    return bool(changed)
