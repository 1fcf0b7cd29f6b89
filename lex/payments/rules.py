"""What a provider's snapshot makes of an attempt, its payment and its order. Pure.

Amounts decide, not names of events: what is captured beyond what is known of the attempt is new money, and the same
snapshot again changes nothing. States only move forward; a late “declined” never undoes a capture.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from lex.adapters.payments.protocol import Outcome, Snapshot

#: What stands for a way to pay. Anything like a card number is refused before it gets anywhere.
TOKEN = msgspec.Meta(
    min_length=1,
    max_length=255,
    pattern=r"^(?!\d[\d \-]{11,}$)",
    extra={"must": "Must be a token of the payment provider; card numbers go to the provider, never here."},
)
OPEN_ATTEMPT = frozenset({"sending", "unknown", "requires_action", "processing"})
#: The same for statements.
OPEN_ATTEMPT_SQL: LiteralString = "('sending', 'unknown', 'requires_action', 'processing')"


@dataclass(frozen=True, slots=True)
class Standing:
    """An attempt with its payment and order, locked. Amounts in minor units."""

    attempt_id: UUID
    attempt_status: str
    attempt_captured: int
    payment_id: UUID
    payment_status: str
    amount: int
    captured: int
    refunded: int
    order_id: UUID
    user_id: UUID
    order_number: str
    order_status: str
    order_payment_status: str
    currency: str
    expires_at: datetime | None
    held_products: int
    has_unheld: bool
    has_digital: bool
    failure_code: str | None = None
    failure_message: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What to write. `event` is the ledger's kind and `new_money` its amount; None where nothing is told.

    `is_paid_now`: this move, and none before it, pays a living order in full.
    """

    attempt_status: str
    attempt_captured: int
    payment_status: str
    captured: int
    order_status: str
    order_payment_status: str
    event: str | None
    new_money: int
    told: str | None
    is_paid_now: bool = False
    failure_code: str | None = None
    failure_message: str | None = None
    action_url: str | None = None

    @property
    def has_failed(self) -> bool:
        """This move ends the attempt without money."""
        return self.attempt_status == "failed"


@dataclass(frozen=True, slots=True)
class Settled:
    """Where the order stands now, and what the buyer has to do."""

    order_id: UUID
    order_number: str
    order_status: str
    payment_status: str
    attempt_status: str
    failure_code: str | None = None
    failure_message: str | None = None
    action_url: str | None = None


def move(standing: Standing, snapshot: Snapshot) -> Move | None:
    """The move a snapshot makes, or None when it says nothing new."""
    new_money = snapshot.captured - standing.attempt_captured
    if snapshot.outcome is Outcome.CAPTURED and new_money > 0:
        return _captured(standing, snapshot, new_money)
    if standing.attempt_status not in OPEN_ATTEMPT or snapshot.outcome is Outcome.CAPTURED:
        return None
    match snapshot.outcome:
        case Outcome.DECLINED | Outcome.VOIDED:
            return _failed(standing, snapshot)
        case Outcome.REQUIRES_ACTION:
            return _waiting(standing, snapshot, "requires_action", "requires_action")
        case Outcome.PROCESSING | Outcome.AUTHORIZED:
            return _waiting(standing, snapshot, "processing", "processing")
    # No answer says nothing about a payment that was answered before.
    return _waiting(standing, snapshot, "unknown", "processing") if standing.attempt_status == "sending" else None


def _captured(standing: Standing, snapshot: Snapshot, new_money: int) -> Move:
    captured = standing.captured + new_money
    if captured < standing.amount:
        payment, order, told = "partially_captured", "partially_paid", "partially_paid"
    elif captured > standing.amount:
        payment, order, told = "overcharged", "paid", "overpaid"
    else:
        payment, order, told = "captured", "paid", "paid"
    if order == "paid" and standing.refunded and captured - standing.refunded < standing.amount:
        order = "partially_refunded"  # what came late is not what went back
    status = standing.order_status
    is_paid_now = order == "paid" and status == "pending"
    if status == "canceled":
        told = "paid_after_cancel"
    elif is_paid_now:
        status = "confirmed"
    return Move(
        *("succeeded", snapshot.captured, payment, captured, status, order, "captured", new_money, told), is_paid_now
    )


def _failed(standing: Standing, snapshot: Snapshot) -> Move:
    voided = snapshot.outcome is Outcome.VOIDED
    return Move(
        attempt_status="failed",
        attempt_captured=standing.attempt_captured,
        payment_status="failed" if standing.captured == 0 else standing.payment_status,
        captured=standing.captured,
        order_status=standing.order_status,
        order_payment_status="failed" if standing.captured == 0 else standing.order_payment_status,
        event="voided" if voided else "failed",
        new_money=0,
        told="payment_failed",
        failure_code=snapshot.decline_code or ("voided" if voided else "declined"),
        failure_message=snapshot.message or "The payment was declined; try another way to pay.",
    )


def _waiting(standing: Standing, snapshot: Snapshot, attempt: str, payment: str) -> Move | None:
    if standing.attempt_status == attempt:
        return None
    return Move(
        attempt_status=attempt,
        attempt_captured=standing.attempt_captured,
        payment_status=payment if standing.captured == 0 else standing.payment_status,
        captured=standing.captured,
        order_status=standing.order_status,
        order_payment_status="pending" if standing.captured == 0 else standing.order_payment_status,
        event=payment if attempt != "unknown" else None,
        new_money=0,
        told=None if attempt == "unknown" else f"payment_{payment}",
        action_url=snapshot.action_url,
    )


def settled_as(standing: Standing, change: Move | None, snapshot: Snapshot) -> Settled:
    """Where everything stands after a move, or as it stood when there was none.

    Asked again, a payment that waits or has failed says where to go and why, as it did the first time.
    """
    now = change or standing
    has_failed = now.attempt_status == "failed"
    code = standing.failure_code or snapshot.decline_code if has_failed else None
    message = standing.failure_message or snapshot.message if has_failed else None
    return Settled(
        order_id=standing.order_id,
        order_number=standing.order_number,
        order_status=now.order_status,
        payment_status=now.order_payment_status,
        attempt_status=now.attempt_status,
        failure_code=change.failure_code if change else code,
        failure_message=change.failure_message if change else message,
        action_url=snapshot.action_url if now.attempt_status == "requires_action" else None,
    )
