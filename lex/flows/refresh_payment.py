"""Look at a payment again: the buyer comes back from 3-D Secure, or nobody has heard of it for a while."""

from datetime import timedelta
from uuid import UUID

from lex.adapters.payments.protocol import Outcome
from lex.adapters.payments.registry import provider as provider_named
from lex.core import clock
from lex.core.actor import Actor
from lex.core.errors import Conflict
from lex.db.session import transact
from lex.flows.one_by_one import one_by_one
from lex.flows.settle_payment import Keep, settle
from lex.orders.paying import get_payable
from lex.payments.queries import Attempt, claim_stale_attempts, find_latest_attempt
from lex.payments.rules import Settled

STALE_AFTER = timedelta(minutes=2)


async def refresh(attempt: Attempt, actor: Actor | None = None, keep: Keep | None = None) -> Settled:
    """Ask the provider where an attempt stands and apply it. What was only authorised is captured.

    `keep` runs in the settling transaction with the result.
    """
    provider = provider_named(attempt.provider)
    snapshot = await provider.fetch(attempt.provider_payment_id, str(attempt.id))
    if snapshot.outcome is Outcome.AUTHORIZED and snapshot.provider_payment_id:
        snapshot = await provider.capture(snapshot.provider_payment_id, snapshot.authorized, f"{attempt.id}:capture")
    return await settle(attempt.provider, snapshot, attempt=attempt, actor=actor, keep=keep)


async def refresh_payment(actor: Actor, order_id: UUID) -> Settled:
    """Ask about the newest attempt of an order of the actor's.

    Raises `NotFound` for an order that is not the actor's, `Conflict` when nobody tried to pay it.
    """
    await transact(actor, lambda session: get_payable(session, actor, order_id))
    attempt = await find_latest_attempt(order_id)
    if attempt is None:
        raise Conflict("Nobody has tried to pay this order yet.", code="no_payment")
    return await refresh(attempt, actor)


async def reconcile_attempts() -> int:
    """Ask about every open attempt nobody has heard of for two minutes; returns how many were asked about.

    Those asked about wait for two minutes again: payments that stay open for days must not keep others from their turn.
    """
    stale = await claim_stale_attempts(clock.real_now() - STALE_AFTER)
    await one_by_one(stale, refresh, lambda attempt: f"payment attempt {attempt.id}")
    return len(stale)
