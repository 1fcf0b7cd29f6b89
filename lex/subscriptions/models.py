"""Plans and subscriptions. A period's end is computed from the anchor and the cycle, never from the previous end."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Amount,
    Base,
    Counter,
    Document,
    Documents,
    Keyed,
    No,
    PositiveInteger,
    Slug,
    SoftDelete,
    Touched,
    Yes,
    ZeroOrMore,
    owned_by,
    reference,
)
from lex.db.domains import one_of
from lex.db.searching import weighted

_LIVING = text("deleted_at IS NULL")
_DUE = text("next_action_at IS NOT NULL")
_SEARCH = " || ".join((weighted("name", "A"), weighted("coalesce(description, '')", "D")))
_STATES = ("incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "paused", "canceled")


class SubscriptionPlan(Keyed, Touched, SoftDelete, Base):
    """A tier on offer. A changed price or feature makes a new version; subscriptions stay on theirs.

    `features`: [{"key", "type": "flag" | "limit" | "text", "value"}].
    """

    __tablename__ = "subscription_plans"
    __table_args__ = (
        Index(
            "uq_subscription_plans_slug",
            "slug",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND is_current"),
        ),
        Index("idx_subscription_plans_slug", "slug"),
        Index("idx_subscription_plans_previous_version_id", "previous_version_id"),
        Index("idx_subscription_plans_search", "search", postgresql_using="gin"),
        Index("idx_subscription_plans_name", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
        Index(
            "idx_subscription_plans_features",
            "features",
            postgresql_using="gin",
            postgresql_ops={"features": "jsonb_path_ops"},
        ),
    )

    slug: Mapped[Slug]
    name: Mapped[str]
    description: Mapped[str | None]
    price: Mapped[Amount]
    tax_class: Mapped[str] = mapped_column(server_default=text("'standard'"))
    billing_interval: Mapped[str] = mapped_column(one_of("billing_interval", "day", "week", "month", "year"))
    interval_count: Mapped[PositiveInteger] = mapped_column(server_default=text("1"))
    trial_days: Mapped[ZeroOrMore]
    features: Mapped[Documents]
    images: Mapped[Documents]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    previous_version_id: Mapped[UUID | None] = reference("subscription_plans", nullable=True)
    is_current: Mapped[Yes]
    is_active: Mapped[Yes]
    order: Mapped[Counter]
    search: Mapped[Any] = mapped_column(TSVECTOR, Computed(_SEARCH, persisted=True))


class Subscription(Keyed, Touched, SoftDelete, Base):
    """A customer's membership. `anchor_at` and `cycle` give every period; `next_action_at` is when work is due."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint("current_period_end > current_period_start", name="current_period_end"),
        UniqueConstraint("id", "user_id"),
        owned_by("payment_methods", "payment_method_id", "subscriptions"),
        Index("idx_subscriptions_user_id", "user_id"),
        Index("idx_subscriptions_plan_id", "plan_id"),
        Index("idx_subscriptions_payment_method_id", "payment_method_id"),
        Index("idx_subscriptions_status", "status"),
        Index("idx_subscriptions_current_period_end", "current_period_end"),
        Index(
            "idx_subscriptions_next_action_at", "next_action_at", postgresql_where=text("next_action_at IS NOT NULL")
        ),
    )

    user_id: Mapped[UUID] = reference("users")
    plan_id: Mapped[UUID] = reference("subscription_plans")
    payment_method_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(one_of("subscription_status", *_STATES))
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    anchor_at: Mapped[datetime]
    cycle: Mapped[ZeroOrMore]
    current_period_start: Mapped[datetime]
    current_period_end: Mapped[datetime]
    trial_start: Mapped[datetime | None]
    trial_end: Mapped[datetime | None]
    cancel_at_period_end: Mapped[No]
    pause_at_period_end: Mapped[No]
    payment_collection_paused: Mapped[No]
    pending_update: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    paused_at: Mapped[datetime | None]
    resumes_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    next_action_at: Mapped[datetime | None]
    locked_until: Mapped[datetime | None]


class SubscriptionPeriod(Keyed, Base):
    """One billed period and its order: what makes billing a period twice impossible."""

    __tablename__ = "subscription_periods"
    __table_args__ = (
        UniqueConstraint("subscription_id", "period_start", "kind"),
        owned_by("subscriptions", "subscription_id", "subscription_periods"),
        owned_by("orders", "order_id", "subscription_periods"),
        Index("idx_subscription_periods_order_id", "order_id"),
        Index("idx_subscription_periods_user_id", "user_id"),
    )

    subscription_id: Mapped[UUID]
    user_id: Mapped[UUID]
    order_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(one_of("subscription_period_kind", "renewal", "trial", "proration"))
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]


class SubscriptionEvent(Keyed, Base):
    """One transition: from, to and what triggered it."""

    __tablename__ = "subscription_events"
    __table_args__ = (
        owned_by("subscriptions", "subscription_id", "subscription_events"),
        Index("idx_subscription_events_subscription_id", "subscription_id", "id"),
        Index("idx_subscription_events_user_id", "user_id"),
    )

    subscription_id: Mapped[UUID]
    user_id: Mapped[UUID]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    trigger: Mapped[str]
    data: Mapped[Document]
