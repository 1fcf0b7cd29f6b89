"""Pay an order: reserve the attempt (commit), call the provider with no transaction open, settle (commit).

The attempt is committed before the provider is called and its id is the provider's idempotency key: a crash, a lost
answer or a repeated request finds it again and never charges twice.
"""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from lex.adapters.payments.protocol import Charge, Outcome
from lex.adapters.payments.registry import current
from lex.core import clock, money
from lex.core.actor import Actor
from lex.core.errors import Conflict, Invalid
from lex.core.settings import settings
from lex.core.texts import is_web_address
from lex.db.idempotency import Once
from lex.db.session import Session, transact
from lex.db.sql import conclude
from lex.flows.refresh_payment import refresh
from lex.flows.settle_payment import settle
from lex.orders.paying import Payable, begin_attempt, lock_payable, out_of_time
from lex.payments.queries import Attempt, get_attempt
from lex.payments.rules import TOKEN, Settled

#: An attempt still being sent after this long has lost its process.
ABANDONED_AFTER = timedelta(seconds=30)
#: Every declined try gives time for another and keeps the stock, so there is an end to it.
MOST_ATTEMPTS = 10


class PaymentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to pay. `token` stands for the method and comes from the provider, never a card number.

    `return_url` is where the buyer comes back to after 3-D Secure.
    """

    token: Annotated[str, TOKEN]
    return_url: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


async def pay_order(
    actor: Actor, order_id: UUID, request: PaymentRequest, once: Once[Settled] | None = None
) -> Settled:
    """Charge an order's total. `once` claims in the reserving transaction and keeps in the settling one.

    Raises `NotFound`, `Gone` (the order expired), `Conflict` (`order_paid`, `partially_paid`, `order_canceled`,
    `payment_in_progress`, `too_many_attempts`).
    """
    if request.return_url and not is_web_address(request.return_url):
        raise Invalid("return_url", "Give an address that starts with https:// or http:// and names a host.")
    reserved = await transact(actor, lambda session: _reserve(session, actor, order_id, once))
    keep = once.keep if once else None
    if isinstance(reserved, UUID):  # an attempt whose process died: ask what became of it, charge nothing
        return await refresh(await get_attempt(reserved), actor, keep)
    attempt, amount = reserved
    provider = current()
    snapshot = await provider.charge(
        Charge(
            idempotency_key=str(attempt.id),
            reference=str(attempt.id),
            amount=amount,
            currency=attempt.currency,
            token=request.token,
            return_url=request.return_url or f"{settings().address}/",
        )
    )
    if snapshot.outcome is Outcome.AUTHORIZED and snapshot.provider_payment_id:
        snapshot = await provider.capture(snapshot.provider_payment_id, amount, f"{attempt.id}:capture")
    return await settle(provider.name, snapshot, attempt=attempt, actor=actor, keep=keep)


async def _reserve(
    session: Session, actor: Actor, order_id: UUID, once: Once[Settled] | None
) -> tuple[Attempt, int] | UUID:
    if once:
        once.claim(session)
    order = await lock_payable(session, actor, order_id)
    require_payable(order)
    if order.attempt_id is not None:
        return _open_attempt(order, order.attempt_id)
    provider = current().name
    conclude(session)
    attempt_id = await begin_attempt(session, order, provider)
    attempt = Attempt(attempt_id, order.id, order.user_id, "sending", None, provider, order.currency)
    return attempt, money.minor(order.total_amount, order.currency)


def require_payable(order: Payable) -> None:
    """Raises `Conflict` or `Gone` for an order nobody is to be asked for money for; a try under way may go on."""
    if order.status == "canceled":
        raise Conflict("This order was canceled; place it again.", code="order_canceled")
    if order.payment_status in ("paid", "partially_refunded", "refunded"):
        raise Conflict("This order is paid already.", code="order_paid")
    if order.attempt_id is None and order.expires_at is not None and order.expires_at < clock.now():
        raise out_of_time()
    if order.payment_status == "partially_paid":
        raise Conflict("A part of this order is paid; ask the shop how to pay the rest.", code="partially_paid")
    if order.attempt_id is None and order.attempts >= MOST_ATTEMPTS:
        raise Conflict("This order had too many tries to pay it; place it again.", code="too_many_attempts")


def _open_attempt(order: Payable, attempt_id: UUID) -> UUID:
    started = order.attempt_at or clock.real_now()
    if order.attempt_status in ("sending", "unknown") and started < clock.real_now() - ABANDONED_AFTER:
        return attempt_id
    raise Conflict(
        "A payment for this order is under way; finish it, or wait for its result before trying again.",
        code="payment_in_progress",
        extra={"action_url": order.action_url},
    )
