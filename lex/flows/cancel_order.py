"""Cancel an order: give back its stock, its coupons and, when it was paid, its money. An order is never deleted.

A buyer cancels while nothing is paid; staff cancel until everything was handed over. An unpaid order past its time is
canceled by a job.
"""

from uuid import UUID

from lex.adapters.payments.registry import provider as provider_named
from lex.core.actor import Actor, system
from lex.core.errors import Conflict
from lex.coupons import holding as coupons
from lex.db.jobs import job
from lex.db.session import Session, transact, transaction
from lex.flows.note_order import check_note, note
from lex.flows.one_by_one import one_by_one
from lex.flows.refund_order import refund_remaining
from lex.flows.settle_payment import settle
from lex.identity.policy import Permission, demand
from lex.notifications.commands import notify
from lex.orders.desk import CancelReason, OrderHead, list_expired, lock_order, mark_canceled
from lex.orders.refunding import get_reason
from lex.orders.timeline import tell
from lex.payments.queries import find_latest_attempt
from lex.stock import holding, releasing


async def cancel_order(
    actor: Actor, order_id: UUID, *, reason: CancelReason, words: str = "", may_refund: bool = True
) -> None:
    """Cancel an order of the actor's. Canceling twice changes nothing; money that came after it is given back then.

    Without `may_refund` one that is paid stays, whoever asks. What staff have to say of it (`words`) becomes a note
    beside the order, also when it was canceled before: it may name people, so the books have the reason alone.

    Raises `NotFound`; `Forbidden`; `Conflict` (`order_completed`, `order_fulfilled`, `order_paid` for a buyer,
    `payment_in_progress`), `Invalid` (note).
    """
    check_note("note", words, shortest=0)
    if actor.is_staff:
        demand(actor, Permission.ORDERS_CANCEL)
    head = await transact(actor, lambda session: lock_order(session, actor, order_id))
    owes = head.has_money or head.is_refunding
    may_refund = may_refund and actor.sees_all
    if head.status != "canceled" or (owes and may_refund):
        _require_cancelable(head, may_refund)
        if head.open_attempt_id is not None:
            await _abandon_payment(actor, order_id)
        if owes:
            await refund_remaining(
                actor, order_id, reason=reason, require=lambda locked: _require_cancelable(locked, may_refund)
            )
    elif not words.strip():
        return
    await transact(actor, lambda session: _cancel(session, actor, order_id, reason, words, may_refund))


def _require_cancelable(head: OrderHead, may_refund: bool) -> None:
    if head.status == "completed":
        raise Conflict("This order is completed and cannot be canceled.", code="order_completed")
    if head.fulfilment_status in ("fulfilled", "partially_fulfilled"):
        raise Conflict(
            "Goods of this order were handed over, so it stays; settle what comes back with the customer.",
            code="order_fulfilled",
        )
    if (head.has_money or head.is_refunding) and not may_refund:
        raise Conflict("This order is paid; ask the shop to cancel it and refund you.", code="order_paid")


async def _abandon_payment(actor: Actor, order_id: UUID) -> None:
    """A buyer who stopped at 3-D Secure: tell the provider to let the payment go, and believe its answer."""
    attempt = await find_latest_attempt(order_id)
    if attempt is not None and attempt.status == "requires_action" and attempt.provider_payment_id is not None:
        provider = provider_named(attempt.provider)
        snapshot = await provider.void(attempt.provider_payment_id, f"{attempt.id}:void")
        await settle(attempt.provider, snapshot, attempt=attempt, actor=actor)


async def _cancel(
    session: Session, actor: Actor, order_id: UUID, reason: CancelReason, words: str, may_refund: bool
) -> None:
    await coupons.lock_for_order(session, order_id)
    await holding.lock_for_order(session, order_id)
    head = await lock_order(session, actor, order_id)
    if head.status != "canceled":
        await _end(session, actor, head, reason, may_refund)
    if words.strip():
        await note(session, actor, order_id, words)


async def _end(session: Session, actor: Actor, head: OrderHead, reason: CancelReason, may_refund: bool) -> None:
    _require_cancelable(head, may_refund)
    if head.open_attempt_id is not None:
        raise Conflict("A payment for this order is under way; wait for its result.", code="payment_in_progress")
    if head.has_money:
        raise Conflict("This order was paid in the meantime; cancel it again to refund it.", code="order_paid")
    await mark_canceled(session, head, reason)
    if head.status == "pending":
        await releasing.release(session, head.id)
    else:
        await releasing.take_back(session, head.id)
    await coupons.release(session, head.id, head.user_id)
    await tell(session, actor, head.id, head.user_id, "canceled", reason=reason)
    # Who cancels what they have not paid sees so on the page: a stranger would have the shop write to anybody.
    if head.status != "pending" or reason != "customer":
        await notify(session, user_id=head.user_id, order_id=head.id, template="order_canceled", data={})


@job("finish_cancel", customers=True)
async def finish_cancel(who: Actor, *, order_id: UUID) -> None:
    """Cancel an order whose money went back or is on its way, and give back what came after an order was canceled.

    It finds out itself what is due and leaves every other order alone. A refund that is refused is tried again as
    jobs are, and at last stands among those that failed.
    """

    async def look(session: Session) -> CancelReason | None:
        head = await lock_order(session, who, order_id)
        going_back = head.is_refunding or head.payment_status == "refunded"
        is_due = head.has_money if head.status == "canceled" else going_back
        return await get_reason(session, head) if is_due else None

    if reason := await transact(who, look):
        await cancel_order(who, order_id, reason=reason)


async def expire_unpaid_orders() -> int:
    """Cancel every unpaid order past its time; returns how many. One that is being paid is left alone."""
    actor = system()
    async with transaction(actor) as session:
        expired = await list_expired(session)

    async def expire(order_id: UUID) -> None:
        await cancel_order(actor, order_id, reason="expired", may_refund=False)

    return await one_by_one(expired, expire, "order {}".format)  # one that is paid in this moment is refused
