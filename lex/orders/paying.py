"""The statements of paying an order: begin an attempt, lock it all for settling, write down what happened.

Each is one round trip over orders and the payments below them; the amounts in and out are minor units with the scale
of the currency.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from lex.adapters.payments.protocol import Snapshot
from lex.core import clock, ids, money
from lex.core.actor import Actor
from lex.core.errors import Conflict, Gone, NotFound
from lex.coupons.holding import REDEEM
from lex.db import sql
from lex.db.session import Session, Unmet
from lex.orders.links import OPENED, order_not_found, reader
from lex.orders.timeline import tell
from lex.payments.queries import Attempt
from lex.payments.rules import OPEN_ATTEMPT_SQL, Move, Standing
from lex.stock.holding import LOCKED, SELL

#: While an attempt is open its holds do not expire; the reconciling job ends every attempt.
_HOLD_DURING_ATTEMPT = timedelta(days=30)

# What stands beside the order is read before a wait for its lock: `_BEGIN` looks again. LIMIT makes a plan for any
# order look as cheap as one for this order alone, so that it is planned once and not at every payment.
_PAYABLE: LiteralString = (
    """
SELECT o.id, o.user_id, o.order_number, o.status, o.payment_status, o.currency, o.total_amount, o.expires_at,
       a.id AS attempt_id, a.status AS attempt_status, a.action ->> 'url' AS action_url, a.created_at AS attempt_at,
       cardinality(ARRAY(SELECT n.id FROM payment_attempts n WHERE n.order_id = o.id AND n.user_id = o.user_id))
           AS attempts
FROM orders o
LEFT JOIN payment_attempts a ON a.order_id = o.id AND a.user_id = o.user_id AND a.tender = 1
    AND a.status IN """
    + OPEN_ATTEMPT_SQL
    + " WHERE o.id = %(order_id)s AND "
    + OPENED
    + " LIMIT 1 "
)
_LOCK_PAYABLE: LiteralString = _PAYABLE + "FOR NO KEY UPDATE OF o"

_BEGIN: LiteralString = (
    """
WITH payment AS (
    INSERT INTO payments (id, order_id, user_id, provider, method_type, currency, amount)
    VALUES (%(payment_id)s, %(order_id)s, %(user_id)s, %(provider)s, 'card', %(currency)s, %(amount)s)
    ON CONFLICT (order_id, tender) DO UPDATE SET provider = excluded.provider, status = 'pending',
        provider_payment_id = NULL, failure_code = NULL, failure_message = NULL
    WHERE NOT EXISTS (
        SELECT FROM payment_attempts WHERE order_id = %(order_id)s AND user_id = %(user_id)s AND tender = 1
            AND status IN """
    + OPEN_ATTEMPT_SQL
    + """)
    RETURNING id
), kept AS (
    UPDATE stock_holds SET expires_at = %(hold_until)s WHERE order_id = %(order_id)s AND EXISTS (SELECT FROM payment)
    RETURNING product_id
), attempt AS (
    INSERT INTO payment_attempts (id, payment_id, order_id, user_id, number)
    SELECT %(attempt_id)s, id, %(order_id)s, %(user_id)s, %(number)s FROM payment
)
SELECT CASE WHEN EXISTS (SELECT FROM payment) THEN """
    + sql.insist(
        "NOT EXISTS (SELECT FROM order_items WHERE order_id = %(order_id)s AND user_id = %(user_id)s"
        " AND is_stock_tracked AND product_id <> ALL (ARRAY(SELECT product_id FROM kept)))"
    )
    + " END"
)

# The rows of a locking SELECT are locked when all it joins is read, and so after the goods. They are then read anew:
# what changed while this waited for the goods is seen.
_LOCK_STANDING: LiteralString = (
    "WITH "
    + LOCKED
    + """
SELECT a.id AS attempt_id, a.status AS attempt_status, (a.captured_amount * s.scale)::bigint AS attempt_captured,
       p.id AS payment_id, p.status AS payment_status, (p.amount * s.scale)::bigint AS amount,
       (p.captured_amount * s.scale)::bigint AS captured, (p.refunded_amount * s.scale)::bigint AS refunded,
       o.id AS order_id, o.user_id, o.order_number, o.status AS order_status, o.payment_status AS order_payment_status,
       o.currency, o.expires_at,
       cardinality(ARRAY(SELECT product_id FROM held)) AS held_products,
       EXISTS (SELECT FROM item WHERE is_stock_tracked AND product_id <> ALL (ARRAY(SELECT product_id FROM held)))
           AS has_unheld,
       EXISTS (SELECT FROM item WHERE is_digital) AS has_digital, a.failure_code, a.failure_message
FROM orders o
JOIN payments p ON p.order_id = o.id AND p.user_id = o.user_id
JOIN payment_attempts a ON a.payment_id = p.id AND a.user_id = o.user_id
CROSS JOIN (SELECT %(scale)s::int AS scale) s
WHERE o.id = %(order_id)s AND a.id = %(attempt_id)s AND cardinality(ARRAY(SELECT id FROM goods)) >= 0
FOR NO KEY UPDATE OF o, p, a
"""
)

_RECORD: LiteralString = (
    "WITH "
    + REDEEM
    + ", "
    + SELL
    + """, event AS (
    INSERT INTO payment_events (id, payment_id, order_id, user_id, provider_reference, kind, amount, currency, data,
        occurred_at)
    SELECT %(event_id)s, %(payment_id)s, %(order_id)s, %(user_id)s, %(reference)s, %(event)s::text, %(new_money)s,
        %(currency)s, %(data)s, %(occurred_at)s WHERE %(event)s::text IS NOT NULL
    ON CONFLICT (payment_id, provider_reference, kind) DO NOTHING
), reference AS (
    INSERT INTO payment_references (provider, provider_payment_id, payment_id, order_id, user_id)
    SELECT %(provider)s, %(provider_payment_id)s, %(payment_id)s, %(order_id)s, %(user_id)s
    WHERE %(provider_payment_id)s::text IS NOT NULL
    ON CONFLICT (provider, provider_payment_id) DO NOTHING
), attempt AS (
    UPDATE payment_attempts SET status = %(attempt_status)s, captured_amount = %(attempt_captured)s,
        provider_payment_id = coalesce(%(provider_payment_id)s, provider_payment_id), action = %(action)s,
        failure_code = %(failure_code)s, failure_message = %(failure_message)s, checked_at = %(now)s,
        finished_at = CASE WHEN %(is_finished)s THEN %(now)s::timestamptz END
    WHERE id = %(attempt_id)s AND user_id = %(user_id)s
), payment AS (
    UPDATE payments SET status = %(payment_status)s, captured_amount = %(captured)s,
        provider_payment_id = CASE WHEN status IN ('pending', 'requires_action', 'processing', 'failed')
            THEN coalesce(%(provider_payment_id)s, provider_payment_id) ELSE provider_payment_id END,
        failure_code = %(failure_code)s, failure_message = %(failure_message)s,
        processed_at = CASE WHEN %(is_finished)s AND captured_amount = 0 THEN %(now)s ELSE processed_at END
    WHERE id = %(payment_id)s AND user_id = %(user_id)s
), told AS (
    INSERT INTO order_events (id, order_id, user_id, kind, data, actor_id, actor_role, request_id)
    SELECT %(told_id)s, %(order_id)s, %(user_id)s, %(told)s, %(data)s, %(actor_id)s, %(role)s, %(request_id)s
    WHERE %(told)s::text IS NOT NULL
), settled AS (
    UPDATE orders SET status = %(order_status)s, payment_status = %(order_payment_status)s,
        paid_at = CASE WHEN %(is_paid_now)s THEN %(now)s ELSE paid_at END,
        expires_at = CASE WHEN status = 'pending' THEN greatest(expires_at, %(retry_until)s) ELSE expires_at END
    WHERE id = %(order_id)s AND user_id = %(user_id)s
)
SELECT """
    + sql.insist(
        "cardinality(ARRAY(SELECT product_id FROM gone)) = CASE WHEN %(is_paid_now)s THEN %(held_products)s ELSE 0 END"
    )
)

_PAID_FREE: LiteralString = (
    "WITH "
    + REDEEM
    + ", "
    + SELL
    + """
UPDATE orders SET status = 'confirmed', payment_status = 'paid', paid_at = %(now)s
WHERE id = %(order_id)s AND user_id = %(user_id)s AND status = 'pending' AND total_amount = 0
RETURNING EXISTS (SELECT FROM order_items WHERE order_id = %(order_id)s AND user_id = %(user_id)s AND is_digital)
"""
)


@dataclass(frozen=True, slots=True)
class Payable:
    """An order and its open attempt, if it has one."""

    id: UUID
    user_id: UUID
    order_number: str
    status: str
    payment_status: str
    currency: str
    total_amount: Decimal
    expires_at: datetime | None
    attempt_id: UUID | None
    attempt_status: str | None
    action_url: str | None
    attempt_at: datetime | None
    attempts: int


async def get_payable(session: Session, actor: Actor, order_id: UUID) -> Payable:
    """An order of the actor's, or one whose link they hold; staff pay for nobody. Raises `NotFound`."""
    return await _payable(session, _PAYABLE, actor, order_id)


async def lock_payable(session: Session, actor: Actor, order_id: UUID) -> Payable:
    """The same, and it is locked. Raises `NotFound`."""
    return await _payable(session, _LOCK_PAYABLE, actor, order_id)


async def _payable(session: Session, statement: LiteralString, actor: Actor, order_id: UUID) -> Payable:
    paid_by = reader(actor, sees_all=actor.is_system)
    found = await sql.fetch_one(session, statement, Payable, order_id=order_id, **paid_by)
    if found is None:
        raise order_not_found()
    return found


async def begin_attempt(session: Session, order: Payable, provider: str) -> UUID:
    """Write down that a charge is about to be sent, and keep the stock for as long as it is open.

    Raises `Gone` when what the order held was given to somebody else in this very moment, and `Conflict`
    (`payment_in_progress`) when another attempt began in it.
    """
    attempt_id = ids.new_id()
    try:
        has_begun = await sql.fetch_value(
            session,
            _BEGIN,
            payment_id=ids.new_id(),
            attempt_id=attempt_id,
            order_id=order.id,
            user_id=order.user_id,
            provider=provider,
            currency=order.currency,
            amount=order.total_amount,
            number=order.attempts + 1,
            hold_until=clock.now() + _HOLD_DURING_ATTEMPT,
        )
    except Unmet as lacking:
        raise out_of_time() from lacking
    if not has_begun:
        raise Conflict(
            "A payment for this order is under way; wait for its result before trying again.",
            code="payment_in_progress",
        )
    return attempt_id


def out_of_time() -> Gone:
    """The refusal of an order whose hold is over."""
    return Gone("The time to pay this order is over and its goods were given back; place it again.", code="expired")


async def lock_standing(session: Session, attempt: Attempt) -> Standing:
    """Lock products, order, payment and attempt, in this order. Raises `NotFound`."""
    found = await sql.fetch_one(
        session,
        _LOCK_STANDING,
        Standing,
        order_id=attempt.order_id,
        attempt_id=attempt.id,
        scale=money.scale(attempt.currency),
    )
    if found is None:
        raise NotFound("There is no such payment attempt.", code="attempt_not_found")
    return found


async def record(
    session: Session,
    actor: Actor,
    provider: str,
    standing: Standing,
    snapshot: Snapshot,
    move: Move,
    retry_until: datetime | None = None,
) -> None:
    """Write ledger, references, attempt, payment, order and timeline, and sell what a paid order holds, in one
    statement. Insists that the order holds what `standing` says: what it held may have gone in a wait for the goods.

    `retry_until` is until when the order can still be paid, if that is later than its expiry.
    """
    now, amount = clock.now(), move.new_money
    reference = snapshot.provider_payment_id or str(standing.attempt_id)
    data = {"amount": amount or standing.amount, "currency": standing.currency, "code": move.failure_code}
    values = {name: getattr(move, name) for name in move.__slots__} | {
        name: money.major(getattr(move, name), standing.currency)
        for name in ("attempt_captured", "captured", "new_money")
    }
    await sql.execute(
        session,
        _RECORD,
        **values,
        event_id=ids.new_id(),
        told_id=ids.new_id(),
        attempt_id=standing.attempt_id,
        payment_id=standing.payment_id,
        order_id=standing.order_id,
        user_id=standing.user_id,
        currency=standing.currency,
        provider=provider,
        provider_payment_id=snapshot.provider_payment_id,
        reference=f"{reference}:{move.attempt_captured}" if amount else f"{reference}:{standing.attempt_id}",
        data=sql.json({key: value for key, value in data.items() if value is not None}),
        action=sql.json({"url": move.action_url}) if move.action_url else None,
        occurred_at=snapshot.occurred_at or now,
        now=now,
        held_products=standing.held_products,
        is_finished=move.attempt_status in ("succeeded", "failed"),
        retry_until=retry_until,
        actor_id=actor.user_id,
        role=actor.role.value,
        request_id=actor.request_id,
    )


async def mark_free_order_paid(session: Session, actor: Actor, order_id: UUID, user_id: UUID) -> bool:
    """A pending order of nothing is paid as it stands and its stock sold; whether there is something to download.

    Raises `NotFound` when there is none.
    """
    has_digital: bool | None = await sql.fetch_value(
        session, _PAID_FREE, order_id=order_id, user_id=user_id, is_paid_now=True, now=clock.now()
    )
    if has_digital is None:
        raise NotFound("There is no unpaid order of nothing under this id.", code="order_not_found")
    await tell(session, actor, order_id, user_id, "paid")
    return has_digital
