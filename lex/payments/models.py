"""Payments, attempts, the event ledger, references for webhooks, refunds and stored methods."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Amount,
    Base,
    Ciphertext,
    Counter,
    CurrencyCode,
    Document,
    Documents,
    Keyed,
    No,
    SoftDelete,
    Touched,
    owned_by,
    reference,
)
from lex.db.domains import CANCEL_REASON, one_of
from lex.payments.rules import OPEN_ATTEMPT_SQL

PROVIDERS = ("stripe", "paypal", "square", "razorpay", "sandbox")
METHODS = ("card", "bank_account", "paypal", "apple_pay", "google_pay", "crypto")


class Payment(Keyed, Touched, Base):
    """One tender of an order. Amounts are recomputed from `payment_events` under a row lock; the status follows."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("refunded_amount <= captured_amount", name="refunded_amount"),
        UniqueConstraint("id", "user_id", "order_id"),
        UniqueConstraint("id", "user_id", "order_id", "currency"),
        owned_by("orders", "order_id", "payments", "currency"),
        owned_by("payment_methods", "payment_method_id", "payments"),
        Index("uq_payments_order_id", "order_id", "tender", unique=True),
        Index("idx_payments_user_id", "user_id", "status"),
        Index("idx_payments_order_id", "order_id"),
        Index("idx_payments_status", "status"),
        Index("idx_payments_provider", "provider"),
        Index("idx_payments_provider_payment_id", "provider_payment_id"),
        Index("idx_payments_payment_method_id", "payment_method_id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID] = reference("users")
    tender: Mapped[int] = mapped_column(server_default=text("1"))
    provider: Mapped[str] = mapped_column(one_of("payment_provider", *PROVIDERS))
    provider_payment_id: Mapped[str | None]
    payment_method_id: Mapped[UUID | None]
    method_type: Mapped[str | None] = mapped_column(one_of("payment_method_type", *METHODS))
    status: Mapped[str] = mapped_column(
        one_of(
            "payment_status",
            *("pending", "requires_action", "processing", "authorized", "captured", "partially_captured"),
            *("partially_refunded", "refunded", "voided", "expired", "failed", "disputed", "overcharged"),
        ),
        server_default=text("'pending'"),
    )
    currency: Mapped[CurrencyCode]
    amount: Mapped[Amount]
    authorized_amount: Mapped[Amount] = mapped_column(server_default=text("0"))
    captured_amount: Mapped[Amount] = mapped_column(server_default=text("0"))
    refunded_amount: Mapped[Amount] = mapped_column(server_default=text("0"))
    failure_code: Mapped[str | None]
    failure_message: Mapped[str | None]
    processed_at: Mapped[datetime | None]


class PaymentAttempt(Keyed, Touched, Base):
    """One try to charge, committed before the provider is called; its id is the provider's idempotency key."""

    __tablename__ = "payment_attempts"
    __table_args__ = (
        owned_by("payments", "payment_id", "payment_attempts", "order_id"),
        owned_by("orders", "order_id", "payment_attempts"),
        UniqueConstraint("payment_id", "number"),
        Index(
            "uq_payment_attempts_open",
            "order_id",
            "tender",
            unique=True,
            postgresql_where=text(f"status IN {OPEN_ATTEMPT_SQL}"),
        ),
        Index("idx_payment_attempts_order_id", "order_id"),
        Index("idx_payment_attempts_user_id", "user_id"),
        Index(
            "idx_payment_attempts_status",
            "status",
            "created_at",
            postgresql_where=text(f"status IN {OPEN_ATTEMPT_SQL}"),
        ),
    )

    payment_id: Mapped[UUID]
    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    tender: Mapped[int] = mapped_column(server_default=text("1"))
    number: Mapped[int]
    status: Mapped[str] = mapped_column(
        one_of(
            "payment_attempt_status",
            *("sending", "unknown", "requires_action", "processing", "succeeded", "failed", "abandoned"),
        ),
        server_default=text("'sending'"),
    )
    provider_payment_id: Mapped[str | None]
    captured_amount: Mapped[Amount] = mapped_column(server_default=text("0"))
    action: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    failure_code: Mapped[str | None]
    failure_message: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class PaymentEvent(Keyed, Base):
    """What a provider said happened, once: the ledger all amounts are computed from."""

    __tablename__ = "payment_events"
    __table_args__ = (
        owned_by("payments", "payment_id", "payment_events", "order_id", "currency"),
        UniqueConstraint("payment_id", "provider_reference", "kind"),
        Index("idx_payment_events_user_id", "user_id"),
    )

    payment_id: Mapped[UUID]
    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    provider_reference: Mapped[str]
    kind: Mapped[str] = mapped_column(
        one_of(
            "payment_event_kind",
            *("authorized", "captured", "failed", "requires_action", "processing", "voided", "expired"),
            *("refund_pending", "refunded", "refund_failed", "disputed", "dispute_won", "dispute_lost"),
        )
    )
    amount: Mapped[Amount] = mapped_column(server_default=text("0"))
    currency: Mapped[CurrencyCode]
    data: Mapped[Document]
    occurred_at: Mapped[datetime]


class PaymentReference(Base):
    """A provider's payment id → whose payment it is. Webhooks resolve through it, whoever's rows they concern."""

    __tablename__ = "payment_references"
    __table_args__ = (
        Index("idx_payment_references_payment_id", "payment_id"),
        owned_by("payments", "payment_id", "payment_references", "order_id"),
    )

    provider: Mapped[str] = mapped_column(primary_key=True)
    provider_payment_id: Mapped[str] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID]
    order_id: Mapped[UUID]
    user_id: Mapped[UUID]


class WebhookEvent(Keyed, Base):
    """The inbox: every webhook as it came, once per provider and event id; effect and mark commit together."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        Index("idx_webhook_events_processed_at", "created_at", postgresql_where=text("processed_at IS NULL")),
    )

    provider: Mapped[str]
    event_id: Mapped[str]
    body: Mapped[bytes]
    headers: Mapped[Document]
    attempts: Mapped[Counter]
    last_error: Mapped[str | None]
    processed_at: Mapped[datetime | None]


class PaymentMethod(Keyed, Touched, SoftDelete, Base):
    """A stored way to pay: the provider's token, never a card number."""

    __tablename__ = "payment_methods"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        CheckConstraint("provider_token IS NOT NULL OR deleted_at IS NOT NULL", name="provider_token"),
        CheckConstraint("last4 ~ '^[0-9]{4}$'", name="last4"),
        Index("idx_payment_methods_user_id", "user_id"),
        Index(
            "uq_payment_methods_default",
            "user_id",
            unique=True,
            postgresql_where=text("is_default AND deleted_at IS NULL"),
        ),
    )

    user_id: Mapped[UUID] = reference("users")
    type: Mapped[str] = mapped_column(one_of("payment_method_type", *METHODS))
    provider: Mapped[str] = mapped_column(one_of("payment_provider", *PROVIDERS))
    provider_customer_id: Mapped[Ciphertext | None]
    provider_token: Mapped[Ciphertext | None]
    fingerprint: Mapped[bytes | None]
    brand: Mapped[str | None]
    last4: Mapped[str | None]
    expires_month: Mapped[int | None]
    expires_year: Mapped[int | None]
    is_default: Mapped[No]


class Refund(Keyed, Touched, Base):
    """Money going back. While pending its amount is reserved, so that the sum never passes what was captured."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0.0", name="amount"),
        owned_by("payments", "payment_id", "refunds", "order_id", "currency"),
        owned_by("orders", "order_id", "refunds"),
        Index("idx_refunds_payment_id", "payment_id"),
        Index("idx_refunds_order_id", "order_id"),
        Index("idx_refunds_user_id", "user_id"),
        Index("idx_refunds_status", "status"),
    )

    payment_id: Mapped[UUID]
    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    amount: Mapped[Amount]
    currency: Mapped[CurrencyCode]
    status: Mapped[str] = mapped_column(
        one_of("refund_status", "pending", "succeeded", "failed", "canceled"), server_default=text("'pending'")
    )
    reason: Mapped[str | None] = mapped_column(CANCEL_REASON)
    lines: Mapped[Documents]
    provider_payment_id: Mapped[str | None]
    provider_refund_id: Mapped[str | None]
    failure_code: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    processed_at: Mapped[datetime | None]
