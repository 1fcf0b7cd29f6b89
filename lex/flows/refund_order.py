"""Give an order's money back: reserve the refund (commit), call the provider, settle it (commit). An order whose money
the provider took in several payments has a refund of each.

While a refund is pending its amount counts as refunded, so that no two of them pass what was captured.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from lex.adapters.payments.protocol import RefundSnapshot
from lex.adapters.payments.registry import provider as provider_named
from lex.core import clock, money
from lex.core.actor import Actor, system
from lex.core.errors import Conflict
from lex.db.jobs import defer
from lex.db.session import Session, transact, transaction
from lex.flows.one_by_one import one_by_one
from lex.identity.policy import Permission, demand
from lex.notifications.commands import notify
from lex.orders.desk import CancelReason, OrderHead, lock_order
from lex.orders.refunding import PendingRefund, claim_stale_refunds, reserve_refunds, settle_refund
from lex.orders.timeline import tell

UNHEARD_AFTER = timedelta(minutes=2)


async def refund_remaining(
    actor: Actor, order_id: UUID, *, reason: CancelReason, require: Callable[[OrderHead], None]
) -> None:
    """Refund everything that was captured and not yet given back; when nothing is, nothing happens.

    `require` looks at the locked order and raises what stands against it: from the reservation on nothing of the order
    is handed over. Raises `NotFound`, `Forbidden`, `Conflict` (`refund_failed`).
    """
    demand(actor, Permission.PAYMENTS_REFUND)

    async def reserve(session: Session) -> list[PendingRefund]:
        head = await lock_order(session, actor, order_id)
        require(head)
        return await reserve_refunds(session, head, reason)

    snapshots = [await _refund(actor, pending) for pending in await transact(actor, reserve)]
    if failed := next((snapshot for snapshot in snapshots if snapshot.status == "failed"), None):
        raise Conflict(
            f"The provider refused the refund ({failed.failure_code}); settle it with the provider, then try again.",
            code="refund_failed",
        )


async def resume_refunds() -> int:
    """Ask again for refunds whose result nobody knows after two minutes; returns how many.

    The provider gives the money once per refund, however often it is asked.
    """
    actor = system()
    async with transaction(actor) as session:
        stale = await claim_stale_refunds(session, clock.real_now() - UNHEARD_AFTER)
    await one_by_one(stale, lambda pending: _refund(actor, pending), lambda pending: f"refund {pending.id}")
    return len(stale)


async def _refund(actor: Actor, pending: PendingRefund) -> RefundSnapshot:
    provider = provider_named(pending.provider)
    amount = money.minor(pending.amount, pending.currency)
    snapshot = await provider.refund(pending.provider_payment_id, amount, str(pending.id))
    await transact(actor.vouched_for(), lambda session: _settle(session, actor, pending, snapshot))
    return snapshot


async def _settle(session: Session, actor: Actor, pending: PendingRefund, snapshot: RefundSnapshot) -> None:
    head = await lock_order(session, actor, pending.order_id)
    if not await settle_refund(session, pending, snapshot):
        return
    kind = {"succeeded": "refunded", "failed": "refund_failed"}.get(snapshot.status, "refund_pending")
    amount = money.minor(pending.amount, pending.currency)
    await tell(session, actor, pending.order_id, pending.user_id, kind, amount=amount, currency=pending.currency)
    if snapshot.status == "failed":  # the order stands: what waited for the refund's result is due
        await defer(session, "grant_downloads", order_id=pending.order_id)
    elif head.status != "canceled":  # whoever refunds cancels next; should their process die, this does
        finish_at = clock.real_now() + UNHEARD_AFTER
        await defer(session, "finish_cancel", schedule_at=finish_at, order_id=pending.order_id)
    if snapshot.status == "succeeded" and pending.is_late:
        told = {"amount": str(pending.amount)}
        await notify(session, user_id=pending.user_id, order_id=pending.order_id, template="refunded", data=told)
