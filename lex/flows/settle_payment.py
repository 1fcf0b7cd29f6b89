"""Settle a payment: turn what the provider says into money, stock, status and a message.

The answer to a charge, a webhook, the way back from 3-D Secure and the reconciling job all end here, with the same
snapshot and the same single transaction; whoever comes second finds nothing left to do.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from lex.adapters.payments.protocol import Snapshot
from lex.core import clock
from lex.core.actor import Actor, Role, system
from lex.db.jobs import defer
from lex.db.session import Session, transact
from lex.db.sql import conclude, together
from lex.notifications.commands import notify
from lex.orders.paying import lock_standing, mark_free_order_paid, record
from lex.orders.timeline import tell
from lex.payments.queries import Attempt, get_attempt
from lex.payments.rules import Settled, Standing, move, settled_as
from lex.stock import releasing

#: Time a buyer gets for another try after a declined payment.
RETRY_TIME = timedelta(minutes=15)

Also = Callable[[Session], Awaitable[None]]
Keep = Callable[[Session, Settled], Awaitable[None]]


async def settle(
    provider: str,
    snapshot: Snapshot,
    *,
    attempt: Attempt | None = None,
    actor: Actor | None = None,
    also: Also | None = None,
    keep: Keep | None = None,
) -> Settled:
    """Apply a snapshot, whoever brought it. `also` and `keep` run in the same transaction.

    It is Lex that has asked the provider and writes the answer: the database takes it from nobody else.

    Raises `NotFound` when the snapshot's reference is no attempt of ours.
    """
    found = attempt or await get_attempt(UUID(snapshot.reference))
    who = actor or system()
    return await transact(
        who.vouched_for(), lambda session: _settle(session, who, provider, found, snapshot, also, keep)
    )


async def _settle(
    session: Session,
    actor: Actor,
    provider: str,
    attempt: Attempt,
    snapshot: Snapshot,
    also: Also | None,
    keep: Keep | None,
) -> Settled:
    standing = await lock_standing(session, attempt)
    change = move(standing, snapshot)
    settled = settled_as(standing, change, snapshot)
    if change:
        if change.is_paid_now:
            await _confirm(session, standing.user_id, standing.order_id, has_digital=standing.has_digital)
        retry_until = clock.now() + RETRY_TIME if change.has_failed else None
        recording = record(session, actor, provider, standing, snapshot, change, retry_until)
        is_late = change.new_money > 0 and standing.order_status == "canceled"
        is_followed = change.has_failed or is_late or (change.is_paid_now and standing.has_unheld)
        if not also and not is_followed:
            conclude(session)
        if keep:
            await together(session, recording, keep(session, settled))
        else:
            await recording
        if is_followed:
            await _follow(session, actor, standing, has_failed=change.has_failed, is_late=is_late)
    elif keep:
        await keep(session, settled)
    if also:
        await also(session)
    return settled


async def _follow(session: Session, actor: Actor, standing: Standing, *, has_failed: bool, is_late: bool) -> None:
    """What a move brings with it: time for another try; the way back for money that came after a cancel; or the sale of
    what is free when money came after the hold had gone, and staff are told what is short."""
    if is_late:
        await defer(session, "finish_cancel", order_id=standing.order_id)
    elif has_failed:
        retry_until = max(standing.expires_at or clock.now(), clock.now() + RETRY_TIME)
        await releasing.keep_until(session, standing.order_id, retry_until)
        if actor.role is Role.SYSTEM:  # nobody is watching: the decline came late
            await _mail(session, standing.user_id, standing.order_id, "payment_failed")
    elif short := await releasing.sell_unheld(session, standing.order_id):
        await tell(session, actor, standing.order_id, standing.user_id, "stock_short", products=short)


async def _mail(session: Session, user_id: UUID, order_id: UUID, template: str) -> None:
    await notify(session, user_id=user_id, order_id=order_id, template=template, data={})


async def _confirm(session: Session, user_id: UUID, order_id: UUID, *, has_digital: bool) -> None:
    await _mail(session, user_id, order_id, "order_confirmed")
    if has_digital:
        await defer(session, "grant_downloads", order_id=order_id)


async def settle_free(session: Session, actor: Actor, order_id: UUID, user_id: UUID) -> None:
    """An order whose total is nothing needs no payment: sell its stock and confirm it."""
    has_digital = await mark_free_order_paid(session, actor, order_id, user_id)
    await _confirm(session, user_id, order_id, has_digital=has_digital)
