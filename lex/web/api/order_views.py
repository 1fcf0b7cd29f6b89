"""What an order looks like over the API. Amounts are in minor units of `currency`."""

from datetime import datetime
from uuid import UUID

import msgspec

from lex.core.actor import Actor
from lex.db.session import transaction
from lex.orders.desk import CancelReason
from lex.orders.finding import FoundOrder
from lex.orders.queries import TimelineEntry, get_order


class DiscountView(msgspec.Struct, frozen=True):
    """What was taken off a line, and by what: `source` is coupon."""

    source: str
    code: str
    name: str | None
    amount: int


class OrderLineView(msgspec.Struct, frozen=True):
    """A line as it was sold. Where a discount does not divide by the units, the first ones cost a cent more than
    `discounted_unit_price`.
    """

    id: UUID
    item_type: str
    product_id: UUID | None
    name: str
    sku: str | None
    options: dict[str, str]
    image: str | None
    quantity: int
    unit_price: int
    discounted_unit_price: int
    discount_amount: int
    discounts: list[DiscountView]
    tax_rate: str
    net_amount: int
    tax_amount: int
    total_amount: int
    requires_shipping: bool
    is_digital: bool
    fulfilled_quantity: int


class TaxView(msgspec.Struct, frozen=True):
    """The tax of one rate, in percent."""

    rate: str
    net_amount: int
    tax_amount: int


class MethodView(msgspec.Struct, frozen=True):
    """The shipping method as it was chosen."""

    code: str
    name: str
    description: str | None
    kind: str
    price: int


class PaymentView(msgspec.Struct, frozen=True):
    """How the payment stands. `action_url` is where the buyer has to go, if anywhere."""

    status: str
    provider: str
    captured_amount: int
    refunded_amount: int
    failure_code: str | None
    failure_message: str | None
    action_url: str | None


class FulfilledItemView(msgspec.Struct, frozen=True):
    """How many of a line were handed over."""

    order_item_id: UUID
    quantity: int


class FulfilmentView(msgspec.Struct, frozen=True):
    """A parcel or a collection."""

    id: UUID
    kind: str
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    fulfilled_at: datetime
    items: list[FulfilledItemView]


class AddressView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A postal address as it was given."""

    recipient_name: str
    line1: str
    city: str
    country: str
    postal_code: str | None = None
    region: str | None = None
    line2: str | None = None
    company: str | None = None


class OrderView(msgspec.Struct, frozen=True):
    """An order. Personal fields are null once the person is erased."""

    id: UUID
    order_number: str
    status: str
    payment_status: str
    fulfilment_status: str
    order_type: str
    currency: str
    prices_include_tax: bool
    subtotal_amount: int
    discount_amount: int
    shipping_amount: int
    tax_amount: int
    total_amount: int
    taxes: list[TaxView]
    shipping_method: MethodView | None
    placed_at: datetime
    expires_at: datetime | None
    paid_at: datetime | None
    completed_at: datetime | None
    canceled_at: datetime | None
    cancel_reason: CancelReason | None
    email: str | None
    phone: str | None
    billing_address: AddressView | None
    shipping_address: AddressView | None
    note: str | None
    payment: PaymentView | None
    lines: list[OrderLineView]
    fulfilments: list[FulfilmentView]


class OrderPage(msgspec.Struct, frozen=True):
    """Orders, newest first; `next_cursor` is null on the last page."""

    orders: list[FoundOrder]
    next_cursor: str | None


class TimelineView(msgspec.Struct, frozen=True):
    """Everything that happened to an order, oldest first."""

    events: list[TimelineEntry]


async def read_view(actor: Actor, order_id: UUID) -> OrderView:
    """An order as its buyer or staff see it. Raises `NotFound` for an order that is not the actor's."""
    async with transaction(actor) as session:
        return msgspec.convert(await get_order(session, actor, order_id), OrderView)
