"""Carts and their lines."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Amount,
    Base,
    CountryCode,
    CurrencyCode,
    Document,
    Keyed,
    SoftDelete,
    Touched,
    owned_by,
    reference,
)
from lex.db.domains import one_of


class Cart(Keyed, Touched, SoftDelete, Base):
    """A customer's cart (`user_id`) or a guest's (`token_hash`). `country` is where it ships to, once known.

    `billing_country` is where its buyer is, while that is elsewhere. `seen_shipping` are name, price and free_from of
    the chosen method as the customer was last shown them; repricing reports what differs from them.
    """

    __tablename__ = "carts"
    __table_args__ = (
        CheckConstraint("user_id IS NOT NULL OR token_hash IS NOT NULL", name="owner"),
        # Its owner with it: a foreign key of two columns asks nothing while one of them is NULL.
        CheckConstraint(
            "(status = 'placed') = (order_id IS NOT NULL) AND (order_id IS NULL OR user_id IS NOT NULL)",
            name="order_id",
        ),
        UniqueConstraint("id", "user_id"),
        UniqueConstraint("token_hash"),
        owned_by("orders", "order_id", "carts"),
        Index(
            "uq_carts_user_id",
            "user_id",
            unique=True,
            postgresql_where=text("status = 'open' AND deleted_at IS NULL"),
        ),
        Index("idx_carts_user_id", "user_id"),
        Index("idx_carts_order_id", "order_id"),
        Index("idx_carts_shipping_method_id", "shipping_method_id"),
        Index("idx_carts_expires_at", "expires_at", postgresql_where=text("status = 'open'")),
    )

    user_id: Mapped[UUID | None] = reference("users", nullable=True)
    token_hash: Mapped[bytes | None]
    status: Mapped[str] = mapped_column(
        one_of("cart_status", "open", "placed", "merged", "expired"), server_default=text("'open'")
    )
    currency: Mapped[CurrencyCode]
    country: Mapped[CountryCode | None]
    billing_country: Mapped[CountryCode | None]
    shipping_method_id: Mapped[UUID | None] = reference("shipping_methods", nullable=True)
    seen_shipping: Mapped[Any | None] = mapped_column(JSONB)
    coupon_codes: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'::text[]"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    order_id: Mapped[UUID | None]
    expires_at: Mapped[datetime]


class CartItem(Keyed, Touched, Base):
    """One line. `seen_price` is the unit price the customer was last shown; repricing reports what differs from it."""

    __tablename__ = "cart_items"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 9999", name="quantity"),
        CheckConstraint("num_nonnulls(product_id, service_id, subscription_plan_id) = 1", name="item"),
        ForeignKeyConstraint(
            ["cart_id", "user_id"],
            ["carts.id", "carts.user_id"],
            name="fk_cart_items_carts_user",
            onupdate="CASCADE",
            deferrable=True,
        ),
        Index(
            "uq_cart_items_product_id",
            "cart_id",
            "product_id",
            unique=True,
            postgresql_where=text("product_id IS NOT NULL"),
        ),
        Index("idx_cart_items_cart_id", "cart_id", "id"),
        Index("idx_cart_items_user_id", "user_id"),
        Index("idx_cart_items_product_id", "product_id"),
        Index("idx_cart_items_service_id", "service_id"),
        Index("idx_cart_items_subscription_plan_id", "subscription_plan_id"),
    )

    cart_id: Mapped[UUID] = reference("carts")
    user_id: Mapped[UUID | None]
    item_type: Mapped[str] = mapped_column(one_of("cart_item_type", "product", "service", "plan"))
    product_id: Mapped[UUID | None] = reference("products", nullable=True)
    service_id: Mapped[UUID | None] = reference("services", nullable=True)
    subscription_plan_id: Mapped[UUID | None] = reference("subscription_plans", nullable=True)
    quantity: Mapped[int]
    seen_price: Mapped[Amount]
    options: Mapped[Document]
