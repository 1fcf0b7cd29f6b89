"""Orders (partitioned by quarter of their UUIDv7 id) and what hangs on them, always under (order_id, user_id)."""

from datetime import date, datetime
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
    CountryCode,
    CurrencyCode,
    Document,
    Documents,
    Instant,
    Keyed,
    No,
    Percentage,
    PositiveInteger,
    Touched,
    owned_by,
    reference,
)
from lex.db.domains import CANCEL_REASON, one_of


class Order(Keyed, Touched, Base):
    """Three axes: `status`, `payment_status` (derived from the payment ledger) and `fulfilment_status`.

    `created_at` is the instant of the id; `placed_at` and `expires_at` are business time. Addresses and contact are
    ciphertext; country, region, city and postal code stay readable for tax, shipping and reports.
    """

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("created_at = uuid_v7_time(id)", name="created_at"),
        CheckConstraint(
            "substr(order_number, 5, 8) = to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDD')",
            name="order_number",
        ),
        CheckConstraint("discount_amount <= subtotal_amount", name="discount_amount"),
        CheckConstraint(
            "total_amount = subtotal_amount - discount_amount + shipping_amount "
            "+ CASE WHEN prices_include_tax THEN 0 ELSE tax_amount END",
            name="total_amount",
        ),
        UniqueConstraint("id", "user_id"),
        UniqueConstraint("id", "user_id", "currency"),
        Index("idx_orders_order_number", "order_number"),
        Index("idx_orders_user_id", "user_id", text("id DESC")),
        Index("idx_orders_status", "status", text("id DESC"), "payment_status", "fulfilment_status"),
        Index("idx_orders_payment_status", "payment_status", text("id DESC"), "status", "fulfilment_status"),
        Index("idx_orders_fulfilment_status", "fulfilment_status", text("id DESC"), "status", "payment_status"),
        Index("idx_orders_expires_at", "expires_at", postgresql_where=text("status = 'pending'")),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    created_at: Mapped[datetime] = mapped_column(sort_order=900)
    user_id: Mapped[UUID] = reference("users")
    order_number: Mapped[str]
    order_type: Mapped[str] = mapped_column(one_of("order_type", "product", "service", "mixed"))
    status: Mapped[str] = mapped_column(
        one_of("order_status", "pending", "confirmed", "processing", "completed", "canceled"),
        server_default=text("'pending'"),
    )
    payment_status: Mapped[str] = mapped_column(
        one_of(
            "order_payment_status",
            *("unpaid", "pending", "authorized", "partially_paid", "paid"),
            *("partially_refunded", "refunded", "failed", "voided"),
        ),
        server_default=text("'unpaid'"),
    )
    fulfilment_status: Mapped[str] = mapped_column(
        one_of("order_fulfilment_status", "unfulfilled", "partially_fulfilled", "fulfilled", "not_needed"),
        server_default=text("'unfulfilled'"),
    )
    currency: Mapped[CurrencyCode]
    prices_include_tax: Mapped[bool]
    subtotal_amount: Mapped[Amount]
    discount_amount: Mapped[Amount]
    shipping_amount: Mapped[Amount]
    tax_amount: Mapped[Amount]
    total_amount: Mapped[Amount]
    taxes: Mapped[Documents]
    email: Mapped[Ciphertext | None]
    phone: Mapped[Ciphertext | None]
    billing_address: Mapped[Ciphertext | None]
    shipping_address: Mapped[Ciphertext | None]
    shipping_country: Mapped[CountryCode | None]
    shipping_region: Mapped[str | None]
    shipping_city: Mapped[str | None]
    shipping_postal_code: Mapped[str | None]
    shipping_method: Mapped[Document]
    customer_note: Mapped[Ciphertext | None]
    cart_id: Mapped[UUID | None]
    placed_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]
    paid_at: Mapped[Instant | None]
    completed_at: Mapped[Instant | None]
    canceled_at: Mapped[Instant | None]
    cancel_reason: Mapped[str | None] = mapped_column(CANCEL_REASON)


class OrderNumber(Base):
    """An order's number → whose order it is, for who knows the number alone. Triggers of `orders` keep it."""

    __tablename__ = "order_numbers"
    __table_args__ = (CheckConstraint("order_number ~ '^LEX-[0-9]{8}-[2-9A-HJKMNP-TV-Z]{8}$'", name="order_number"),)

    order_number: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    user_id: Mapped[UUID]


class OrderItem(Keyed, Touched, Base):
    """A line as it was sold: name, SKU, unit price before and after discount, tax, totals. Shipping is a line too.

    `total_amount` is what the customer pays for the line, tax included; `net_amount + tax_amount = total_amount`.
    """

    __tablename__ = "order_items"
    __table_args__ = (
        CheckConstraint("fulfilled_quantity BETWEEN 0 AND quantity", name="fulfilled_quantity"),
        CheckConstraint("refunded_quantity BETWEEN 0 AND quantity", name="refunded_quantity"),
        CheckConstraint("net_amount + tax_amount = total_amount", name="total_amount"),
        CheckConstraint(
            "num_nonnulls(product_id, service_id, subscription_plan_id) = (item_type <> 'shipping')::int", name="item"
        ),
        UniqueConstraint("id", "user_id"),
        owned_by("orders", "order_id", "order_items", "currency"),
        Index("uq_order_items_order_id", "order_id", "position", unique=True),
        Index("idx_order_items_order_id", "order_id", "item_type"),
        Index("idx_order_items_user_id", "user_id"),
        Index("idx_order_items_product_id", "product_id"),
        Index("idx_order_items_service_id", "service_id"),
        Index("idx_order_items_subscription_plan_id", "subscription_plan_id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    position: Mapped[int]
    item_type: Mapped[str] = mapped_column(one_of("order_item_type", "product", "service", "plan", "shipping"))
    product_id: Mapped[UUID | None] = reference("products", nullable=True)
    service_id: Mapped[UUID | None] = reference("services", nullable=True)
    subscription_plan_id: Mapped[UUID | None] = reference("subscription_plans", nullable=True)
    name: Mapped[str]
    sku: Mapped[str | None]
    options: Mapped[Document]
    image: Mapped[str | None]
    quantity: Mapped[PositiveInteger]
    unit_price: Mapped[Amount]
    discounted_unit_price: Mapped[Amount]
    discount_amount: Mapped[Amount]
    discounts: Mapped[Documents]
    tax_class: Mapped[str]
    tax_rate: Mapped[Percentage]
    net_amount: Mapped[Amount]
    tax_amount: Mapped[Amount]
    total_amount: Mapped[Amount]
    currency: Mapped[CurrencyCode]
    requires_shipping: Mapped[No]
    is_digital: Mapped[No]
    is_stock_tracked: Mapped[No]
    fulfilled_quantity: Mapped[Counter]
    refunded_quantity: Mapped[Counter]


class OrderEvent(Keyed, Base):
    """One entry of the timeline. `data` carries no personal data; a note's text is ciphertext."""

    __tablename__ = "order_events"
    __table_args__ = (
        owned_by("orders", "order_id", "order_events"),
        Index("idx_order_events_order_id", "order_id", "id"),
        Index("idx_order_events_user_id", "user_id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    kind: Mapped[str]
    data: Mapped[Document]
    note: Mapped[Ciphertext | None]
    actor_id: Mapped[UUID | None]
    actor_role: Mapped[str]
    request_id: Mapped[str | None]


class OrderToken(Keyed, Base):
    """A link that opens one order without signing in. Only the hash is stored; it expires and can be revoked.

    One that is good once (`is_once`) opens nothing itself: it is exchanged for one that does.
    """

    __tablename__ = "order_tokens"
    __table_args__ = (
        owned_by("orders", "order_id", "order_tokens"),
        UniqueConstraint("token_hash"),
        Index("idx_order_tokens_order_id", "order_id"),
        Index("idx_order_tokens_user_id", "user_id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    token_hash: Mapped[bytes]
    is_once: Mapped[bool] = mapped_column(server_default=text("false"))
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Fulfilment(Keyed, Touched, Base):
    """Something handed over: a parcel with tracking, a collection at the counter."""

    __tablename__ = "fulfilments"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        owned_by("orders", "order_id", "fulfilments"),
        Index("idx_fulfilments_order_id", "order_id"),
        Index("idx_fulfilments_user_id", "user_id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(one_of("fulfilment_kind", "ship", "pickup", "attend", "activate"))
    carrier: Mapped[str | None]
    tracking_number: Mapped[str | None]
    tracking_url: Mapped[str | None]
    fulfilled_at: Mapped[datetime]


class FulfilmentItem(Keyed, Base):
    """How many of a line a fulfilment contains."""

    __tablename__ = "fulfilment_items"
    __table_args__ = (
        owned_by("fulfilments", "fulfilment_id", "fulfilment_items"),
        owned_by("order_items", "order_item_id", "fulfilment_items"),
        UniqueConstraint("fulfilment_id", "order_item_id"),
        Index("idx_fulfilment_items_order_item_id", "order_item_id"),
        Index("idx_fulfilment_items_user_id", "user_id"),
    )

    fulfilment_id: Mapped[UUID]
    order_item_id: Mapped[UUID]
    user_id: Mapped[UUID]
    quantity: Mapped[PositiveInteger]


class Download(Keyed, Base):
    """The right to fetch a digital file after paying: a link with a hash, an expiry and a limit."""

    __tablename__ = "downloads"
    __table_args__ = (
        CheckConstraint("download_count BETWEEN 0 AND download_limit", name="download_count"),
        owned_by("orders", "order_id", "downloads"),
        owned_by("order_items", "order_item_id", "downloads"),
        UniqueConstraint("order_item_id", "digital_file_id"),
        UniqueConstraint("token_hash"),
        Index("idx_downloads_order_id", "order_id"),
        Index("idx_downloads_user_id", "user_id"),
        Index("idx_downloads_digital_file_id", "digital_file_id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    order_item_id: Mapped[UUID]
    digital_file_id: Mapped[UUID] = reference("digital_files")
    token_hash: Mapped[bytes]
    expires_at: Mapped[datetime]
    download_limit: Mapped[int] = mapped_column(server_default=text("5"))
    download_count: Mapped[Counter]


class Invoice(Keyed, Base):
    """A numbered document over an order's stored amounts. Numbers are gapless within a series."""

    __tablename__ = "invoices"
    __table_args__ = (
        owned_by("orders", "order_id", "invoices", "currency"),
        CheckConstraint("net_amount + tax_amount = total_amount", name="total_amount"),
        CheckConstraint("number > 0", name="number"),
        UniqueConstraint("series", "number"),
        Index("idx_invoices_order_id", "order_id"),
        Index("idx_invoices_user_id", "user_id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(one_of("invoice_kind", "invoice", "credit_note"))
    series: Mapped[str]
    number: Mapped[int]
    issued_on: Mapped[date]
    currency: Mapped[CurrencyCode]
    net_amount: Mapped[Amount]
    tax_amount: Mapped[Amount]
    total_amount: Mapped[Amount]
    lines: Mapped[list[Any]] = mapped_column(JSONB)
    recipient: Mapped[Ciphertext | None]


class InvoiceCounter(Base):
    """A series of invoices: its next number is taken under a lock of this row, so that none is ever missing."""

    __tablename__ = "invoice_counters"

    series: Mapped[str] = mapped_column(primary_key=True)
