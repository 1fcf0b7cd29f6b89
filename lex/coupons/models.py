"""Coupons, the unique codes of those given out in bulk, and the rows of their use."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Amount,
    Base,
    BlindIndex,
    Counter,
    Document,
    Instant,
    Keyed,
    No,
    Percentage,
    PositiveInteger,
    SoftDelete,
    Touched,
    Yes,
    owned_by,
    reference,
)
from lex.db.domains import one_of

CODE = "code ~ '^[A-Z0-9][A-Z0-9_-]{0,63}$'"


class Coupon(Keyed, Touched, SoftDelete, Base):
    """A code that lowers a price. `scope` names categories, products, services or plans; empty means everything.

    `used_count` is kept by the trigger `tr_coupon_usages_count`. Of a bulk coupon only its unique codes are accepted.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        CheckConstraint(CODE, name="code"),
        CheckConstraint("(type = 'fixed') = (amount IS NOT NULL)", name="type_amount"),
        CheckConstraint("(type = 'percentage') = (percentage IS NOT NULL)", name="type_percentage"),
        CheckConstraint(
            "num_nonnulls(buy_quantity, get_quantity) = 2 * (type = 'buy_x_get_y')::int", name="type_quantity"
        ),
        CheckConstraint("ends_at > starts_at", name="ends_at"),
        CheckConstraint("used_count >= 0 AND used_count <= usage_limit", name="used_count"),
        Index("uq_coupons_code", "code", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("idx_coupons_code", "code"),
        Index("idx_coupons_ends_at", "ends_at"),
        Index("idx_coupons_scope", "scope", postgresql_using="gin", postgresql_ops={"scope": "jsonb_path_ops"}),
    )

    code: Mapped[str]
    name: Mapped[str | None]
    type: Mapped[str] = mapped_column(one_of("coupon_type", "fixed", "percentage", "free_shipping", "buy_x_get_y"))
    amount: Mapped[Amount | None]
    percentage: Mapped[Percentage | None]
    buy_quantity: Mapped[PositiveInteger | None]
    get_quantity: Mapped[PositiveInteger | None]
    minimum_amount: Mapped[Amount | None]
    starts_at: Mapped[Instant | None]
    ends_at: Mapped[Instant | None]
    usage_limit: Mapped[PositiveInteger | None]
    usage_limit_per_customer: Mapped[PositiveInteger | None]
    used_count: Mapped[Counter]
    is_stackable: Mapped[No]
    is_exclusive: Mapped[No]
    priority: Mapped[Counter]
    scope: Mapped[Document]
    is_bulk: Mapped[No]
    is_active: Mapped[Yes]


class CouponCode(Keyed, Base):
    """One of many codes of a bulk coupon. It works once: `uq_coupon_usages_coupon_code_id`."""

    __tablename__ = "coupon_codes"
    __table_args__ = (
        CheckConstraint(CODE, name="code"),
        UniqueConstraint("code"),
        UniqueConstraint("coupon_id", "id"),
    )

    coupon_id: Mapped[UUID] = reference("coupons")
    code: Mapped[str]


class CouponUsage(Keyed, Base):
    """One use: held while the order is unpaid, then redeemed or released."""

    __tablename__ = "coupon_usages"
    __table_args__ = (
        owned_by("orders", "order_id", "coupon_usages"),
        ForeignKeyConstraint(
            ["coupon_id", "coupon_code_id"],
            ["coupon_codes.coupon_id", "coupon_codes.id"],
            name="fk_coupon_usages_coupon_codes",
        ),
        Index("uq_coupon_usages_order_id", "order_id", "coupon_id", unique=True),
        Index(
            "uq_coupon_usages_coupon_code_id",
            "coupon_code_id",
            unique=True,
            postgresql_where=text("status <> 'released'"),
        ),
        Index("idx_coupon_usages_coupon_id", "coupon_id", "status"),
        Index("idx_coupon_usages_user_id", "user_id"),
        Index("idx_coupon_usages_email", "coupon_id", "email_blind_index"),
    )

    coupon_id: Mapped[UUID] = reference("coupons")
    coupon_code_id: Mapped[UUID | None]
    user_id: Mapped[UUID] = reference("users")
    order_id: Mapped[UUID]
    email_blind_index: Mapped[BlindIndex | None]
    amount: Mapped[Amount]
    status: Mapped[str] = mapped_column(one_of("coupon_usage_status", "held", "redeemed", "released"))
