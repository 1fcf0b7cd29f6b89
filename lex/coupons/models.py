"""Coupons and the rows of their use."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from lex.db.base import (
    Amount,
    Base,
    BlindIndex,
    Counter,
    Document,
    Keyed,
    No,
    Percentage,
    SoftDelete,
    Touched,
    Yes,
    one_of,
    owned_by,
    reference,
)


class Coupon(Keyed, Touched, SoftDelete, Base):
    """A code that lowers a price. `scope` names categories, products, services or plans; empty means everything."""

    __tablename__ = "coupons"
    __table_args__ = (
        one_of("type", "fixed", "percentage", "free_shipping", "buy_x_get_y"),
        CheckConstraint("code = upper(code) AND length(code) BETWEEN 1 AND 64", name="code"),
        CheckConstraint("(type = 'fixed') = (amount IS NOT NULL)", name="type_amount"),
        CheckConstraint("(type = 'percentage') = (percentage IS NOT NULL)", name="type_percentage"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("percentage BETWEEN 0 AND 100", name="percentage"),
        CheckConstraint("minimum_amount >= 0", name="minimum_amount"),
        CheckConstraint("ends_at > starts_at", name="ends_at"),
        CheckConstraint("usage_limit > 0", name="usage_limit"),
        CheckConstraint("usage_limit_per_customer > 0", name="usage_limit_per_customer"),
        CheckConstraint("used_count >= 0 AND used_count <= usage_limit", name="used_count"),
        Index("uq_coupons_code", "code", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("idx_coupons_code", "code"),
        Index("idx_coupons_ends_at", "ends_at"),
        Index("idx_coupons_scope", "scope", postgresql_using="gin", postgresql_ops={"scope": "jsonb_path_ops"}),
    )

    code: Mapped[str]
    name: Mapped[str | None]
    type: Mapped[str]
    amount: Mapped[Amount | None]
    percentage: Mapped[Percentage | None]
    minimum_amount: Mapped[Amount | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    usage_limit: Mapped[int | None]
    usage_limit_per_customer: Mapped[int | None]
    used_count: Mapped[Counter]
    is_stackable: Mapped[No]
    is_exclusive: Mapped[No]
    priority: Mapped[Counter]
    scope: Mapped[Document]
    is_active: Mapped[Yes]


class CouponUsage(Keyed, Base):
    """One use: held while the order is unpaid, then redeemed or released."""

    __tablename__ = "coupon_usages"
    __table_args__ = (
        one_of("status", "held", "redeemed", "released"),
        CheckConstraint("amount >= 0", name="amount"),
        owned_by("orders", "order_id", "coupon_usages"),
        Index("uq_coupon_usages_order_id", "order_id", "coupon_id", unique=True),
        Index("idx_coupon_usages_coupon_id", "coupon_id", "status"),
        Index("idx_coupon_usages_user_id", "user_id"),
        Index("idx_coupon_usages_email", "coupon_id", "email_blind_index"),
    )

    coupon_id: Mapped[UUID] = reference("coupons")
    user_id: Mapped[UUID] = reference("users")
    order_id: Mapped[UUID]
    email_blind_index: Mapped[BlindIndex | None]
    amount: Mapped[Amount]
    status: Mapped[str]
